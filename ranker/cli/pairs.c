#include "ranker/cli/pairs.h"

#include <stdlib.h>
#include <string.h>

bool pairs_next(char **text, char **ret_name, char **ret_value)
{
    if (*text == NULL || **text == '\0')
        return false;
    *ret_name = *text;
    *text += strcspn(*text, ",");
    if (**text != '\0')
        *(*text)++ = '\0';
    *ret_value = strchr(*ret_name, '=');
    if (*ret_value != NULL)
        *(*ret_value)++ = '\0';
    return true;
}

bool pairs_number(const char *value, double *ret)
{
    char *end = NULL;
    if (value == NULL || *value == '\0')
        return false;
    *ret = strtod(value, &end);
    return *end == '\0';
}
