#include "base/httpd/httpd.h"

void httpd_write_metrics(struct httpd *httpd, const char *program, struct buf *ret)
{
    const struct httpd_counts counts = httpd_counts(httpd);
    buf_printf(ret,
               "# HELP %s_http_responses_total answers by class of status\n"
               "# TYPE %s_http_responses_total counter\n",
               program, program);
    for (int class = 2; class <= 5; class ++)
        buf_printf(ret, "%s_http_responses_total{class=\"%dxx\"} %lld\n", program, class,
                   (long long)counts.by_class[class]);
    buf_printf(ret,
               "# HELP %s_http_in_flight requests being read or answered\n# TYPE %s_http_in_flight gauge\n"
               "%s_http_in_flight %lld\n",
               program, program, program, (long long)counts.in_flight);
}
