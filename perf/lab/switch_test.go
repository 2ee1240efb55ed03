package lab

import (
	"net/netip"
	"testing"
	"time"

	"thresher/config"
)

func TestFDBLearnsHosts(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	record, err := l.RecordFDB()
	if err != nil {
		t.Fatal(err)
	}
	n, client := l.Nodes[0], l.Clients[0]
	ping(t, client, n.Address)
	table, err := l.FDB()
	if err != nil {
		t.Fatal(err)
	}
	found := map[config.MAC]Entry{}
	for _, e := range table {
		found[e.MAC] = e
	}
	for _, h := range []*Host{n.Host, client} {
		if want := (Entry{MAC: h.MAC, Port: h.Port}); found[h.MAC] != want {
			t.Errorf("the table has %+v for %s, want %+v", found[h.MAC], h.Name, want)
		}
		eventually(t, "the record has "+h.Name, func() bool {
			ports, err := record.Ports(h.MAC)
			return err == nil && len(ports) == 1 && ports[0] == h.Port
		})
	}
	if ports, err := record.Ports(config.MAC{0x5a, 0xfe}); err != nil || len(ports) > 0 {
		t.Errorf("an address that nobody used was seen on %v, error %v", ports, err)
	}
}

func TestFDBRecordKeepsWhatIsForgotten(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	record, err := l.RecordFDB()
	if err != nil {
		t.Fatal(err)
	}
	ping(t, l.Clients[0], l.Nodes[0].Address)
	if err := l.PortUp(l.Nodes[0].Host, false); err != nil { // Flushes what was learnt on it.
		t.Fatal(err)
	}
	table, err := l.FDB()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range table {
		if e.MAC == l.Nodes[0].MAC {
			t.Errorf("the table still has %+v", e)
		}
	}
	eventually(t, "the record has the node", func() bool {
		ports, err := record.Ports(l.Nodes[0].MAC)
		return err == nil && len(ports) == 1
	})
}

func TestPortDownCutsTheHostOff(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	ping(t, client, n.Address)
	if err := l.PortUp(n.Host, false); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Run(within(t, 5*time.Second), "ping", "-c1", "-W1", n.Address.String()); err == nil {
		t.Error("the node answers with its port down")
	}
	if err := l.PortUp(n.Host, true); err != nil {
		t.Fatal(err)
	}
	ping(t, client, n.Address)
}

func TestNeighbours(t *testing.T) {
	l := newLab(t, Config{Nodes: 1})
	n, client := l.Nodes[0], l.Clients[0]
	ping(t, client, n.Address)
	if mac, ok, err := client.Neighbour(n.Address); err != nil || !ok || mac != n.MAC {
		t.Errorf("neighbour %v, %t, %v; want %v", mac, ok, err, n.MAC)
	}
	if err := client.FlushNeighbours(); err != nil {
		t.Fatal(err)
	}
	if mac, ok, err := client.Neighbour(n.Address); err != nil || ok {
		t.Errorf("neighbour %v, %t, %v after the flush; want none", mac, ok, err)
	}
}

func ping(t *testing.T, from *Host, to netip.Addr) {
	t.Helper()
	if _, err := from.Run(within(t, 5*time.Second), "ping", "-c1", "-W3", to.String()); err != nil {
		t.Fatal(err)
	}
}
