package console

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"thresher/console/access"
	"thresher/internal/crowd"
)

// behalfHeader names, from one node to another, who asked the first one.
const behalfHeader = "Thresher-On-Behalf-Of"

// maxBehalf bounds what another node says in it, in bytes; maxWho bounds names in the
// audit log, in characters: such a one, and the node that says it.
const (
	maxBehalf = 128
	maxWho    = 2 * maxBehalf
)

// onBehalf is a caller's name for that header, in no more bytes than are read there.
func onBehalf(who string) string {
	who = clip(who, maxBehalf)
	if len(who) <= maxBehalf {
		return who
	}
	return strings.ToValidUTF8(who[:maxBehalf-1], "") + "~" // no half of a character
}

// caller is who makes a request.
type caller struct {
	access.Identity
	// session is the browser's; nil for everybody else.
	session *access.Session
	// peer is the node that the request comes from; "" if from none.
	peer string
	// remote says that the request comes from people or tools, by the network.
	remote bool
	// still tells whether the caller may come in as before; nil where that can't
	// change.
	still func() bool
}

// who is the caller's name, for the audit log.
func (c caller) who() string {
	if c.peer != "" {
		return c.Name // with the role that the other node knows
	}
	return c.Identity.String()
}

// The keys of values in a request's context.
type (
	callerKey struct{}
	uidKey    struct{}
	connKey   struct{}
)

// withConn notes what a request comes by.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// withCaller notes who makes a request. Whoever may do anything keeps the connection
// when strangers take all others.
func withCaller(r *http.Request, c caller) *http.Request {
	if conn, ok := r.Context().Value(connKey{}).(net.Conn); ok && c.Role != "" {
		crowd.Known(conn)
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
}

// callerOf returns who makes the request; nobody if that was not asked.
func callerOf(r *http.Request) caller {
	c, _ := r.Context().Value(callerKey{}).(caller)
	return c
}

// socketContext notes which of the machine's users is at the other end of a unix
// socket. Source: SO_PEERCRED, unix(7).
func socketContext(ctx context.Context, conn net.Conn) context.Context {
	if over, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = over.NetConn()
	}
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			ctx = context.WithValue(ctx, uidKey{}, cred.Uid)
		}
	})
	return ctx
}

// bySocket lets everybody in whom the socket's file does: its owner and its group
// may do all.
func bySocket(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := "somebody on this machine"
		if uid, ok := r.Context().Value(uidKey{}).(uint32); ok {
			name = userName(uid)
		}
		next.ServeHTTP(w, withCaller(r, caller{Identity: access.Identity{Name: name, Role: access.Admin}}))
	})
}

// userName is a user's name on this machine, or its number.
func userName(uid uint32) string {
	number := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username + " on this machine"
	}
	return "uid " + number + " on this machine"
}

// let lets the other nodes in. Whom they ask for they have let in themselves.
func (p *peers) let(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		node := p.identity.Peer(r.TLS)
		who := "node " + node
		if behalf := r.Header.Get(behalfHeader); behalf != "" && len(behalf) <= maxBehalf {
			who = fmt.Sprintf("%s by node %s", clip(behalf, maxBehalf), node)
		}
		still := func() bool { return p.identity.Peer(r.TLS) == node }
		next.ServeHTTP(w, withCaller(r, caller{Identity: access.Identity{Name: who, Role: access.Admin}, peer: node, still: still}))
	})
}
