#include "ranker/table.h"

#include <string.h>

#include "base/core/mem.h"

static void column_done(struct column *column)
{
    mem_free(column->name);
    mem_free(column->codes);
    mem_free(column->numbers);
}

void table_done(struct table *table)
{
    for (size_t c = 0; c < table->n_columns; c++)
        column_done(&table->columns[c]);
    memset(table, 0, sizeof *table);
}

enum status table_add(struct table *table, const char *name, enum column_kind kind, size_t capacity,
                      struct column **ret, struct err *err)
{
    if (table->n_columns == TABLE_MAX_COLUMNS)
        return err_set(err, STATUS_INVALID, "column %s is too much: allowed are up to %d columns", name,
                       TABLE_MAX_COLUMNS);
    if (table_find(table, name) != NULL)
        return err_set(err, STATUS_INVALID, "column %s is there twice", name);
    struct column column = {.name = mem_strdup(name), .kind = kind};
    if (kind == COLUMN_TEXT)
        column.codes = mem_alloc(capacity, sizeof *column.codes);
    else
        column.numbers = mem_alloc(capacity, sizeof *column.numbers);
    if (column.name == NULL || (column.codes == NULL && column.numbers == NULL)) {
        column_done(&column);
        return err_no_memory(err);
    }
    table->columns[table->n_columns] = column;
    *ret = &table->columns[table->n_columns++];
    return STATUS_OK;
}

const struct column *table_find(const struct table *table, const char *name)
{
    for (size_t c = 0; c < table->n_columns; c++) {
        if (strcmp(table->columns[c].name, name) == 0)
            return &table->columns[c];
    }
    return NULL;
}

static enum status permute_column(struct column *column, const uint32_t *order, size_t n, struct err *err)
{
    if (column->kind == COLUMN_TEXT) {
        uint32_t *codes = mem_alloc(n, sizeof *codes);
        if (codes == NULL)
            return err_no_memory(err);
        for (size_t i = 0; i < n; i++)
            codes[i] = column->codes[order[i]];
        mem_free(column->codes);
        column->codes = codes;
        return STATUS_OK;
    }
    double *numbers = mem_alloc(n, sizeof *numbers);
    if (numbers == NULL)
        return err_no_memory(err);
    for (size_t i = 0; i < n; i++)
        numbers[i] = column->numbers[order[i]];
    mem_free(column->numbers);
    column->numbers = numbers;
    return STATUS_OK;
}

enum status table_permute(struct table *table, const uint32_t *order, struct err *err)
{
    for (size_t c = 0; c < table->n_columns; c++)
        TRY(permute_column(&table->columns[c], order, table->n, err));
    return STATUS_OK;
}
