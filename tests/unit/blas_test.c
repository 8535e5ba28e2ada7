/* Which kernel OpenBLAS is told; that a program starts again with it: tests/integration/blas.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/blas/blas.h"

static void test_unknown_processor_is_named(void **state)
{
    (void)state;
    assert_string_equal(blas_better_core("Prescott", true, true), "SkylakeX");
    assert_string_equal(blas_better_core("Prescott", true, false), "Haswell");
}

static void test_old_and_known_processors_are_left_alone(void **state)
{
    (void)state;
    assert_null(blas_better_core("Prescott", false, false));
    assert_null(blas_better_core("Zen", true, false));
    assert_null(blas_better_core("Cooperlake", true, true));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_processor_is_named),
        cmocka_unit_test(test_old_and_known_processors_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
