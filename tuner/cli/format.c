#include "tuner/cli/format.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tuner/cli/view.h"

/* With a sign, but never "-0.0". */
static void percent(struct buf *to, double share, int digits)
{
    char text[64];
    snprintf(text, sizeof text, "%+.*f", digits, 100 * share);
    buf_text(to, text[strspn(text, "+-0.")] == '\0' ? text + 1 : text);
}

void format_lift(struct buf *to, double lift, double lo, double hi)
{
    if (!isfinite(lift)) {
        buf_char(to, '-');
        return;
    }
    const bool interval = isfinite(lo) && isfinite(hi) && lo < hi;
    const int digits = interval && hi - lo < 0.01 ? 2 : 1;
    percent(to, lift, digits);
    buf_text(to, " %");
    if (!interval)
        return;
    buf_text(to, " [");
    percent(to, lo, digits);
    buf_text(to, ", ");
    percent(to, hi, digits);
    buf_char(to, ']');
}

void format_lift_se(struct buf *to, double lift, double se)
{
    format_lift(to, lift, lift - FORMAT_Z95 * se, lift + FORMAT_Z95 * se);
}

void format_lift_of(struct buf *to, const struct json_at *lift)
{
    format_lift(to, view_number(lift, "lift"), view_number(lift, "lo"), view_number(lift, "hi"));
}

void format_probability(struct buf *to, double p)
{
    if (!isfinite(p))
        buf_char(to, '-');
    else if (p > 0.99 && p < 1)
        buf_text(to, "> 0.99");
    else if (p < 0.01 && p > 0)
        buf_text(to, "< 0.01");
    else
        buf_printf(to, "%.2f", p);
}

void format_turnover(struct buf *to, double share)
{
    if (isfinite(share))
        buf_printf(to, "%.1f %%", 100 * share);
    else
        buf_char(to, '-');
}

void format_weights(struct buf *to, const struct json_at *weights)
{
    struct json_at item = {0};
    bool first = true;
    while (view_next(weights, &item)) {
        buf_text(to, first ? "" : ", ");
        format_text(to, item.key != NULL ? item.key : "");
        buf_char(to, ' ');
        format_number(to, view_value(&item), 4);
        first = false;
    }
    if (first)
        buf_char(to, '-');
}

void format_time(struct buf *to, int64_t ms)
{
    const time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[64];
    if (ms <= 0 || gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) == 0)
        buf_char(to, '-');
    else
        buf_text(to, text);
}

void format_number(struct buf *to, double x, int digits)
{
    if (isfinite(x))
        buf_printf(to, "%.*g", digits, x);
    else
        buf_char(to, '-');
}

void format_count(struct buf *to, int64_t n)
{
    if (n < 0)
        buf_char(to, '-');
    else
        buf_printf(to, "%" PRId64, n);
}

void format_text(struct buf *to, const char *text)
{
    for (; *text != '\0'; text++) {
        const bool control = (unsigned char)*text < ' ' || *text == 0x7f;
        buf_add(to, control ? "?" : text, 1);
    }
}
