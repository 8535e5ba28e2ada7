#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/httpd/internal.h"

enum { BACKLOG = 512 };

/* "127.0.0.1:8470", "[::1]:0", "localhost:8470". */
static enum status split(const char *address, char *host, size_t host_size, const char **ret_port, struct err *err)
{
    const char *colon = strrchr(address, ':');
    const bool bracket = address[0] == '[';
    const size_t length = colon == NULL ? 0 : (size_t)(colon - address) - (bracket ? 2 : 0);
    const char *port = colon == NULL ? "" : colon + 1;
    char *end = NULL;
    const long number = strtol(port, &end, 10);
    const bool port_ok = port[0] >= '0' && port[0] <= '9' && *end == '\0' && number <= 65535;
    if (colon == NULL || colon == address || length == 0 || length >= host_size || !port_ok ||
        (bracket && colon[-1] != ']'))
        return err_set(err, STATUS_INVALID,
                       "listen %s: expected ADDRESS:PORT with a port of 0 to 65535, as 127.0.0.1:8470 or [::1]:0",
                       address);
    memcpy(host, address + (bracket ? 1 : 0), length);
    host[length] = '\0';
    *ret_port = port;
    return STATUS_OK;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof v4);
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
}

static enum status bind_error(const char *address, struct err *err)
{
    if (errno == EADDRINUSE)
        return err_set(err, STATUS_CONFLICT,
                       "listen %s: address already in use; stop the other server or choose another port with --listen",
                       address);
    return err_errno(err, "listen %s", address);
}

static enum status open_socket(const char *address, const struct addrinfo *info, int *ret_fd, struct err *err)
{
    const int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, "listen %s", address);
    const int on = 1;
    /* Accepted sockets inherit TCP_NODELAY: replies are written whole, so waiting for more only costs time. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
        bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        *ret_fd = fd;
        return STATUS_OK;
    }
    const enum status s = bind_error(address, err);
    close(fd);
    return s;
}

static int bound_port(int fd)
{
    struct sockaddr_storage storage = {0};
    socklen_t n = sizeof storage;
    if (getsockname(fd, (struct sockaddr *)&storage, &n) != 0)
        return 0;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memcpy(&v4, &storage, sizeof v4);
    memcpy(&v6, &storage, sizeof v6);
    return ntohs(storage.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
}

enum status listen_open(const char *address, bool loopback_only, int *ret_fd, int *ret_port, struct err *err)
{
    char host[256];
    const char *port = NULL;
    TRY(split(address, host, sizeof host, &port, err));
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *info = NULL;
    const int failed = getaddrinfo(host, port, &hints, &info);
    if (failed != 0)
        return err_set(err, STATUS_INVALID, "listen %s: %s", address, gai_strerror(failed));
    enum status s = STATUS_OK;
    if (loopback_only && !is_loopback(info->ai_addr))
        s = err_set(err, STATUS_FORBIDDEN,
                    "listen %s: without --token-file only this machine may connect; give one, or listen on 127.0.0.1",
                    address);
    int fd = -1;
    if (s == STATUS_OK)
        s = open_socket(address, info, &fd, err);
    freeaddrinfo(info);
    if (s == STATUS_OK) {
        *ret_fd = fd;
        *ret_port = bound_port(fd);
    }
    return s;
}
