package farm

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"thresher/config"
	"thresher/console"
	"thresher/console/access"
	"thresher/console/metrics"
	"thresher/console/signon"
	"thresher/console/trust"
	"thresher/farm/findings"
)

// listenRetry is how often a node tries to listen where it could not.
const listenRetry = 5 * time.Second

// api is where the daemon is asked and told things besides its unix socket.
type api struct {
	*local
	keeper      *access.Keeper
	issuer      *signon.Issuer
	certificate *console.Certificate
	peers       *trust.Identity
	listeners   []net.Listener // in the order of the configuration; nil where it must be tried again
}

// openAPI listens for people and tools, and makes what the other nodes know this
// one by.
func openAPI(l *local) (a *api, err error) {
	a = &api{local: l}
	if c := l.cfg.Cluster; !c.Insecure && l.cfg.API.PeerPort != 0 {
		if a.peers, err = trust.New(l.cfg.Node, c.Keys.Accepted()...); err != nil {
			return a, err
		}
	}
	if len(l.cfg.API.Listeners) == 0 {
		return a, nil
	}
	dir := filepath.Join(l.cfg.StateDir, "api")
	options := access.Options{File: l.cfg.API.Users, Sessions: filepath.Join(dir, "sessions")}
	if l.cfg.API.OIDC.Issuer != "" {
		a.issuer = signon.New(l.cfg.API.OIDC, nil, nil)
		options.By = a.issuer.ID()
	}
	a.keeper = access.NewKeeper(options)
	for _, f := range findings.Users(l.cfg, a.keeper) {
		l.log.Warn(f.What, "cure", f.Cure)
	}
	if a.certificate, err = a.openCertificate(dir); err != nil {
		return a, err
	}
	return a, a.listenForPeople()
}

// listenForPeople listens for people and tools. Where it can't, the node serves its clients all
// the same and tries again; but a configuration on trial has failed then, and the node is
// to go back from it.
func (a *api) listenForPeople() error {
	for _, at := range a.cfg.API.Listeners {
		one, err := net.Listen("tcp", at.Address.String())
		if err != nil && a.trials.MustBeOver() != nil {
			return fmt.Errorf("listen on %s: %w; %s", at, bareNetError(err), listenCure(err))
		}
		a.listeners = append(a.listeners, one)
	}
	return nil
}

// listenCure is what can be done where nobody can listen for people.
func listenCure(err error) string {
	if errors.Is(err, fs.ErrPermission) {
		return "give a port of 1024 or more in api.listen, or the daemon CAP_NET_BIND_SERVICE"
	}
	return "give an address of this machine and a port that nothing else uses in api.listen"
}

// bareNetError leaves out what the message around it says already.
func bareNetError(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

// openCertificate reads the certificate that is configured, or has one of its own.
func (a *api) openCertificate(dir string) (*console.Certificate, error) {
	c := a.cfg.API
	if !slices.ContainsFunc(c.Listeners, func(l config.APIListener) bool { return !l.Plain }) {
		return nil, nil
	}
	if c.Cert != "" {
		return console.LoadCertificate(c.Cert, c.Key)
	}
	var addresses []netip.Addr
	for _, l := range c.Listeners {
		if addr := l.Address.Addr(); !addr.IsUnspecified() {
			addresses = append(addresses, addr)
		}
	}
	return console.SelfSigned(dir, a.names(), addresses)
}

// names are those that browsers may know this node by.
func (a *api) names() []string {
	names := append([]string{strings.ToLower(a.cfg.Node), "localhost"}, a.cfg.API.Hosts...)
	if host, err := os.Hostname(); err == nil {
		names = append(names, strings.ToLower(host))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// fingerprint is that of the certificate that people are shown; "" if none is.
func (a *api) fingerprint() string {
	if a == nil || a.certificate == nil {
		return ""
	}
	return a.certificate.Fingerprint()
}

// server makes the server of it all.
func (a *api) server(f console.Farm) *console.Server {
	s := console.NewServer(f, a.events.ring, a.log)
	s.Open(console.Options{
		Node: a.cfg.Node, Keeper: a.keeper, Issuer: a.issuer, Peers: a.peers, PeerPort: a.cfg.API.PeerPort,
		Metrics: metrics.Handler(f, a.events.ring),
	})
	return s
}

// serve answers until the server is shut down.
func (a *api) serve(ctx context.Context, s *console.Server) {
	for i, l := range a.listeners {
		go func() { a.report(a.servePeople(ctx, s, l, a.cfg.API.Listeners[i])) }()
	}
	go func() { a.report(a.servePeers(ctx, s)) }()
}

// servePeople answers people and tools by l; nil is one that has yet to be had.
func (a *api) servePeople(ctx context.Context, s *console.Server, l net.Listener, at config.APIListener) error {
	if l == nil {
		l = listenAgain(ctx, at.Address.String(), func(err error) {
			a.events.add(console.LevelWarn, "console_blocked",
				fmt.Sprintf("the console can't be reached: listen on %s: %v; %s", at, bareNetError(err), listenCure(err)), nil)
		})
	}
	if l == nil {
		return nil
	}
	a.log.Info("the console is there", "address", at, "fingerprint", a.fingerprint())
	c := a.certificate
	if at.Plain {
		c = nil
	}
	return s.ServePeople(l, c, a.names())
}

// servePeers answers the other nodes. A node that can't listen for them serves its
// clients all the same, and tries again.
func (a *api) servePeers(ctx context.Context, s *console.Server) error {
	if a.peers == nil {
		return nil
	}
	at := netip.AddrPortFrom(a.cfg.Cluster.Bind.Addr(), a.cfg.API.PeerPort).String()
	l := listenAgain(ctx, at, func(err error) {
		a.events.add(console.LevelWarn, "peers_blocked",
			fmt.Sprintf("the other nodes can't ask this one: listen on %s: %v; free the port or set another api.peer_port on all nodes", at, bareNetError(err)), nil)
	})
	if l == nil {
		return nil
	}
	return s.ServePeers(l)
}

// listenAgain listens at an address of TCP, and tries again where it can't: an address
// may come late, and a port be freed. The first failure is told. It returns nil when ctx
// is done.
func listenAgain(ctx context.Context, at string, tell func(error)) net.Listener {
	for told := false; ctx.Err() == nil; told = true {
		l, err := net.Listen("tcp", at)
		if err == nil {
			return l
		}
		if !told {
			tell(err)
		}
		select {
		case <-time.After(listenRetry):
		case <-ctx.Done():
		}
	}
	return nil
}

// close ends the listening. What was served is closed already.
func (a *api) close() {
	if a == nil {
		return
	}
	for _, l := range a.listeners {
		if l != nil {
			_ = l.Close()
		}
	}
}
