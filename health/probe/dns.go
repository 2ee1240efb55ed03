package probe

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/miekg/dns"

	"thresher/config"
)

// dnsProbe asks one name server, without the machine's resolver between.
func dnsProbe(c config.DNSCheck) Func {
	return func(ctx context.Context) Result {
		answer, err := askServer(ctx, c)
		switch {
		case err != nil:
			return failed("%s", because(err))
		case answer.Rcode != dns.RcodeSuccess:
			return failed("%s", dns.RcodeToString[answer.Rcode])
		case len(answer.Answer) == 0:
			return failed("no %s record of %s", c.Record, c.Query)
		}
		if c.Expect == nil {
			return ok("%d records", len(answer.Answer))
		}
		for _, rr := range answer.Answer {
			if c.Expect.MatchString(rr.String()) {
				return ok("%s", rr.String())
			}
		}
		return failed("%q is not in the answer: %s", c.Expect, answer.Answer[0].String())
	}
}

// datagrams is how often a server is asked by UDP within a check's timeout, in equal
// parts of it: a datagram that is lost says nothing of the server.
const datagrams = 3

// askServer asks until there is an answer. It asks the same each time from the same port,
// so that a late answer to an earlier question is one, too.
func askServer(ctx context.Context, c config.DNSCheck) (answer *dns.Msg, err error) {
	client, times := dns.Client{Net: "udp"}, datagrams
	if c.TCP {
		client.Net, times = "tcp", 1
	}
	deadline, limited := ctx.Deadline()
	if limited {
		client.DialTimeout = timeTo(deadline)
	}
	conn, err := client.DialContext(ctx, c.Server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer heed(ctx, conn)()
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(c.Query), dns.StringToType[c.Record])
	for ; times > 0; times-- {
		if limited {
			client.ReadTimeout = timeTo(deadline) / time.Duration(times)
		}
		answer, _, err = client.ExchangeWithConnContext(ctx, q, conn)
		if !errors.Is(err, os.ErrDeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	return answer, err
}

// timeTo is how long it is until a moment, as a client wants it: 0 would be its own
// default.
func timeTo(t time.Time) time.Duration { return max(time.Until(t), time.Millisecond) }
