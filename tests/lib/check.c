#include "tests/lib/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void check_close(double a, double b, double tolerance, const char *what, const char *file, int line)
{
    const double scale = fabs(b) > 1.0 ? fabs(b) : 1.0;
    if (fabs(a - b) <= tolerance * scale)
        return;
    print_error("%s is %.17g, expected %.17g within %g\n", what, a, b, tolerance);
    _fail(file, line);
}

void check_ok(enum status s, const struct err *err, const char *what, const char *file, int line)
{
    if (s == STATUS_OK)
        return;
    print_error("%s: %s: %s\n", what, status_name(s), err != NULL ? err->text : "");
    _fail(file, line);
}

void check_refused(enum status s, enum status want, const struct err *err, const char *text, const char *what,
                   const char *file, int line)
{
    if (s == want && (text == NULL || (err != NULL && strstr(err->text, text) != NULL)))
        return;
    print_error("%s: %s \"%s\", expected %s with \"%s\"\n", what, status_name(s), err != NULL ? err->text : "",
                status_name(want), text != NULL ? text : "");
    _fail(file, line);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    const uint64_t value = text != NULL ? strtoull(text, NULL, 10) : 0;
    return value > 0 ? value : otherwise;
}

size_t check_cases(size_t sample, size_t full)
{
    const size_t wanted = (size_t)from_environment("TRIMTAB_CASES", sample);
    return wanted < full ? wanted : full;
}

uint64_t check_seed(void)
{
    return from_environment("TRIMTAB_SEED", 1);
}
