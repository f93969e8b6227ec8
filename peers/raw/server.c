// An echo server on epoll in C, as the limit of what a server can do: it answers
// each handshake with the accept value of one fixed key, and checks nothing that
// costs time. One thread, level-triggered; a read of at most 64 KiB a turn, all
// replies to it in one send; a large message is read into its own buffer.
//
//	gcc -O2 -o server server.c && ./server PORT
//
// /echo sends each message back, /sub joins the group, and what is sent to /pub
// goes to the group.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum role { FRESH, ECHO, SUB, PUB };

struct conn {
	int fd;
	enum role role;
	uint8_t *in; // the start of a frame whose end is missing
	size_t in_len, in_cap;
	uint8_t *out; // what the kernel did not take
	size_t out_off, out_len, out_cap;
	int waiting; // for EPOLLOUT
	size_t place; // in the group
};

static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n"
                             "Upgrade: websocket\r\n"
                             "Connection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static int ep;
static uint8_t scratch[64 << 10];
static struct conn **group;
static size_t members, group_cap;

static void *grow(void *p, size_t *cap, size_t want) {
	if (want <= *cap)
		return p;
	size_t n = *cap ? *cap : 256;
	while (n < want)
		n *= 2;
	if (!(p = realloc(p, n))) {
		perror("realloc");
		exit(1);
	}
	*cap = n;
	return p;
}

static void end(struct conn *c) {
	if (c->role == SUB) {
		group[c->place] = group[--members];
		group[c->place]->place = c->place;
	}
	close(c->fd);
	free(c->in);
	free(c->out);
	c->fd = -1; // freed by the caller
}

static void watch(struct conn *c, int op, uint32_t events) {
	struct epoll_event ev = {.events = events, .data.ptr = c};
	epoll_ctl(ep, op, c->fd, &ev);
}

// flush returns 0 when the connection failed.
static int flush(struct conn *c) {
	while (c->out_off < c->out_len) {
		ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off, MSG_NOSIGNAL);
		if (n < 0) {
			if (errno != EAGAIN)
				return 0;
			if (!c->waiting) {
				c->waiting = 1;
				watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			}
			return 1;
		}
		c->out_off += n;
	}
	c->out_off = c->out_len = 0;
	if (c->out_cap > sizeof scratch * 2) {
		free(c->out);
		c->out = NULL;
		c->out_cap = 0;
	}
	if (c->waiting) {
		c->waiting = 0;
		watch(c, EPOLL_CTL_MOD, EPOLLIN);
	}
	return 1;
}

static void append(struct conn *c, const void *p, size_t n) {
	c->out = grow(c->out, &c->out_cap, c->out_len + n);
	memcpy(c->out + c->out_len, p, n);
	c->out_len += n;
}

static size_t header(uint8_t *h, uint8_t first, uint64_t n) {
	h[0] = first;
	if (n < 126) {
		h[1] = n;
		return 2;
	}
	if (n < 65536) {
		h[1] = 126;
		h[2] = n >> 8;
		h[3] = n;
		return 4;
	}
	h[1] = 127;
	for (int i = 0; i < 8; i++)
		h[2 + i] = n >> (56 - 8 * i);
	return 10;
}

static void unmask(uint8_t *p, size_t n, const uint8_t key[4]) {
	uint32_t k32;
	memcpy(&k32, key, 4);
	uint64_t k = (uint64_t)k32 << 32 | k32;
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t v;
		memcpy(&v, p + i, 8);
		v ^= k;
		memcpy(p + i, &v, 8);
	}
	for (; i < n; i++)
		p[i] ^= key[i & 3];
}

// frames handles the whole frames of p, and returns how much that was; want is
// then the length of the frame that is not whole, if it is known.
static size_t frames(struct conn *c, uint8_t *p, size_t n, size_t *want) {
	size_t off = 0;
	for (;;) {
		uint8_t *f = p + off;
		size_t have = n - off, head = 6;
		*want = 0;
		if (have < 2)
			return off;
		uint64_t size = f[1] & 127;
		if (size == 126) {
			head = 8;
			if (have < head)
				return off;
			size = (uint64_t)f[2] << 8 | f[3];
		} else if (size == 127) {
			head = 14;
			if (have < head)
				return off;
			size = 0;
			for (int i = 0; i < 8; i++)
				size = size << 8 | f[2 + i];
		}
		if (have < head + size) {
			*want = head + size;
			return off;
		}
		unmask(f + head, size, f + head - 4);
		uint8_t h[10];
		size_t hn = header(h, f[0], size);
		if (c->role == ECHO) {
			append(c, h, hn);
			append(c, f + head, size);
		} else if (c->role == PUB) {
			for (size_t i = 0; i < members; i++) {
				append(group[i], h, hn);
				append(group[i], f + head, size);
			}
		}
		off += head + size;
	}
}

// received returns 0 when the connection is to end.
static int received(struct conn *c, uint8_t *p, size_t n) {
	if (c->role == FRESH) {
		uint8_t *stop = memmem(p, n, "\r\n\r\n", 4);
		if (!stop)
			return 0; // a handshake comes in one piece here
		if (!memcmp(p, "GET /sub", 8)) {
			c->role = SUB;
			size_t bytes = group_cap;
			group = grow(group, &bytes, (members + 1) * sizeof *group);
			group_cap = bytes;
			c->place = members;
			group[members++] = c;
		} else {
			c->role = memcmp(p, "GET /pub", 8) ? ECHO : PUB;
		}
		append(c, answer, sizeof answer - 1);
		return flush(c);
	}
	size_t want, used = 0;
	if (c->in_len == 0) {
		used = frames(c, p, n, &want);
		p += used;
		n -= used;
	}
	if (n > 0) {
		c->in = grow(c->in, &c->in_cap, c->in_len + n > want ? c->in_len + n : want);
		memcpy(c->in + c->in_len, p, n);
		c->in_len += n;
	}
	return 1;
}

static int readable(struct conn *c) {
	// What is left of a large frame goes where it belongs.
	int rest = c->in_cap - c->in_len > 0 && c->in_len > 0;
	uint8_t *to = rest ? c->in + c->in_len : scratch;
	size_t room = rest ? c->in_cap - c->in_len : sizeof scratch;
	ssize_t n = recv(c->fd, to, room, 0);
	if (n < 0)
		return errno == EAGAIN;
	if (n == 0)
		return 0;
	if (!rest) {
		if (!received(c, scratch, n))
			return 0;
	} else {
		size_t want;
		c->in_len += n;
		size_t used = frames(c, c->in, c->in_len, &want);
		memmove(c->in, c->in + used, c->in_len - used);
		c->in_len -= used;
		c->in = grow(c->in, &c->in_cap, want);
	}
	if (c->in_len == 0 && c->in) {
		free(c->in);
		c->in = NULL;
		c->in_cap = 0;
	}
	if (c->role == PUB)
		for (size_t i = members; i-- > 0;)
			if (!flush(group[i]))
				return 0;
	return flush(c);
}

int main(int argc, char **argv) {
	if (argc < 2) {
		fprintf(stderr, "usage: server PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	int one = 1, ln = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	setsockopt(ln, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	socklen_t an = sizeof a;
	if (bind(ln, (struct sockaddr *)&a, sizeof a) || listen(ln, 4096) || getsockname(ln, (struct sockaddr *)&a, &an)) {
		perror("listen");
		return 1;
	}
	fprintf(stderr, "listening on http://127.0.0.1:%d\n", ntohs(a.sin_port));
	ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN}, evs[512];
	epoll_ctl(ep, EPOLL_CTL_ADD, ln, &ev);
	for (;;) {
		int n = epoll_wait(ep, evs, 512, -1);
		for (int i = 0; i < n; i++) {
			struct conn *c = evs[i].data.ptr;
			if (!c) {
				int fd;
				while ((fd = accept4(ln, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
					setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
					c = calloc(1, sizeof *c);
					c->fd = fd;
					watch(c, EPOLL_CTL_ADD, EPOLLIN);
				}
				continue;
			}
			int ok = 1;
			if (evs[i].events & EPOLLOUT)
				ok = flush(c);
			if (ok && evs[i].events & ~EPOLLOUT)
				ok = readable(c);
			if (!ok) {
				end(c);
				free(c);
			}
		}
	}
}
