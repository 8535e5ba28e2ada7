#include "ranker/day.h"

#include <stdlib.h>
#include <string.h>

static int days_in_month(int64_t year, int64_t month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return DAYS[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool day_valid(int64_t day)
{
    const int64_t year = day / 10000, month = day / 100 % 100, dom = day % 100;
    return day > 0 && year >= 1970 && year <= 9999 && month >= 1 && month <= 12 && dom >= 1 &&
           dom <= days_in_month(year, month);
}

int32_t day_number(int32_t day)
{
    const int32_t year = day / 10000, month = day / 100 % 100;
    const int32_t before = year - 1;
    int32_t n = 365 * before + before / 4 - before / 100 + before / 400 - 719162; /* 719162: days before 1970 */
    for (int32_t m = 1; m < month; m++)
        n += days_in_month(year, m);
    return n + day % 100 - 1;
}

int day_weekday(int32_t day)
{
    return (int)((day_number(day) + 3) % 7) + 1; /* 1970-01-01 was a Thursday */
}

enum status day_range(const char *text, int32_t *ret_first, int32_t *ret_last, struct err *err)
{
    char *end = NULL;
    const long first = strtol(text, &end, 10);
    long last = first;
    if (strncmp(end, "..", 2) == 0) {
        const char *second = end + 2;
        last = strtol(second, &end, 10);
    }
    if (*end != '\0' || !day_valid(first) || !day_valid(last) || first > last)
        return err_set(
            err, STATUS_INVALID,
            "--days %s: one day yyyymmdd or a range yyyymmdd..yyyymmdd with the earlier day first is expected", text);
    *ret_first = (int32_t)first;
    *ret_last = (int32_t)last;
    return STATUS_OK;
}
