#include <string.h>
#include <strings.h>

#include "base/httpd/internal.h"

/* host[:port] where host is localhost, 127.x.y.z or [::1]. */
static bool names_this_machine(const char *host)
{
    if (host[0] == '[')
        return strncmp(host, "[::1]", 5) == 0 && (host[5] == '\0' || host[5] == ':');
    const size_t n = strcspn(host, ":");
    if (n == strlen("localhost") && strncasecmp(host, "localhost", n) == 0)
        return true;
    return strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == n;
}

bool origin_is_local(const char *host, const char *origin)
{
    if (host != NULL && !names_this_machine(host))
        return false;
    if (origin == NULL)
        return true;
    const char *scheme_end = strstr(origin, "://");
    return host != NULL && scheme_end != NULL && strcasecmp(scheme_end + 3, host) == 0;
}
