package probe

import (
	"context"
	"time"

	"github.com/miekg/dns"

	"thresher/config"
)

// dnsProbe asks one name server, without the machine's resolver between.
func dnsProbe(c config.DNSCheck) Func {
	return func(ctx context.Context) Result {
		client := dns.Client{Net: "udp"}
		if c.TCP {
			client.Net = "tcp"
		}
		if deadline, has := ctx.Deadline(); has {
			client.Timeout = timeTo(deadline)
		}
		q := new(dns.Msg)
		q.SetQuestion(dns.Fqdn(c.Query), dns.StringToType[c.Record])
		answer, _, err := client.ExchangeContext(ctx, q, c.Server)
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

// timeTo is how long it is until a moment, as a client wants it: 0 would be its own
// default.
func timeTo(t time.Time) time.Duration { return max(time.Until(t), time.Millisecond) }
