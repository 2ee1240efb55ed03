package gate

import (
	"thresher/cluster/confirm"
	"thresher/pipeline"
)

// gains are the buckets that this node has begun to let in or to park lately, and since
// when. A packet that came before, and was not read before, may be one that its bucket's
// holder of then has answered; the handshake may be over, and on nobody's list, by the
// time that this node lets the bucket's packets in. Packets older than pipeline.LotAge
// open nothing in any case, so that older gains need not be known.
type gains struct {
	taken   confirm.Buckets // let in or parked by the share before
	begun   bool            // there was one
	buckets confirm.Buckets
	at      confirm.Time // of the newest of them; 0 if there are none
}

// update takes in what a share lets in or parks that is about to be judged by. What a
// node begins with it has not gained from anybody.
func (g *gains) update(now confirm.Time, taken confirm.Buckets) {
	gained := taken.Minus(g.taken)
	if !g.begun {
		gained = confirm.Buckets{}
	}
	g.taken, g.begun = taken, true
	if now.Sub(g.at) > pipeline.LotAge {
		g.buckets, g.at = confirm.Buckets{}, 0
	}
	if !gained.Empty() {
		g.buckets, g.at = g.buckets.Union(gained), now
	}
}
