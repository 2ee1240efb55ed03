package engine

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"thresher/config"
	"thresher/perf/lab"
)

// seed of the peers' hashes: any number.
const seed = 0x5eed

// nftables gives each client to a node by jhash of its address, as the
// translation of xt_cluster's rules does (nftables, iptables-translate of
// libxt_cluster). pkttype makes the packet one for this machine.
const nftables = `table %[1]s thresher {
	chain clients {
		type filter hook %[2]s priority %[3]s; policy accept;
		%[4]s jhash ip saddr mod %[5]d seed %#[6]x %[7]s meta pkttype set host accept
		%[4]s drop
	}
}
`

func startNFTIngress(ctx context.Context, b *Testbed, s Setup) error {
	return b.nftables(ctx, "netdev", "ingress device "+lab.Interface, "0", s)
}

// startNFTPrerouting hooks where xt_cluster does, before the routing decision.
func startNFTPrerouting(ctx context.Context, b *Testbed, s Setup) error {
	b.mac = config.MulticastMAC
	return b.nftables(ctx, "ip", "prerouting", "mangle", s)
}

func (b *Testbed) nftables(ctx context.Context, family, hook, priority string, s Setup) error {
	nft, err := tool("nft", "nftables")
	if err != nil {
		return err
	}
	// A VIP of each packet is looked up in a set, as for several of them.
	match := "ip daddr { " + join(b.VIPs()) + " }"
	if len(b.VIPs()) == 1 {
		match = "ip daddr " + join(b.VIPs())
	}
	rules := fmt.Sprintf(nftables, family, hook, priority, match, s.Share.Of, seed, mineOf(s.Share))
	file := filepath.Join(b.Node.Dir, "peer.nft")
	if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	if err := b.addVIPs(); err != nil {
		return err
	}
	if _, err := b.Node.Run(ctx, nft, "-f", file); err != nil {
		return &Unavailable{"nft refused the rules: " + err.Error()}
	}
	return nil
}

// mineOf matches the hash values 0 to Mine-1. For none of them it asks for a
// value that the hash, moved up by one, never has.
func mineOf(s Share) string {
	if s.Mine == 0 {
		return "offset 1 == 0"
	}
	return fmt.Sprintf("< %d", s.Mine)
}

// startXTCluster follows the example of iptables-extensions(8), with one rule
// less: accepting is cheaper than marking.
func startXTCluster(ctx context.Context, b *Testbed, s Setup) error {
	iptables, err := tool("iptables-legacy", "iptables")
	if err != nil {
		if iptables, err = tool("iptables", "iptables"); err != nil {
			return err
		}
	}
	b.mac = config.MulticastMAC
	if err := b.addVIPs(); err != nil {
		return err
	}
	for _, vip := range b.VIPs() {
		to := []string{"-w", "-t", "mangle", "-A", "PREROUTING", "-d", vip.String()}
		mine := append(append(to, clusterMatch(s.Share)...), "-j", "ACCEPT")
		for _, rule := range [][]string{mine, append(to[:len(to):len(to)], "-j", "DROP")} {
			if _, err := b.Node.Run(ctx, iptables, rule...); err != nil {
				return &Unavailable{"iptables refused the rules (is the kernel module xt_cluster there?): " + err.Error()}
			}
		}
	}
	return nil
}

// clusterMatch matches the first Mine of Of nodes. A mask of no node is
// refused, so none is written as not all.
func clusterMatch(s Share) []string {
	of := max(s.Of, 2) // One node is no cluster.
	mine := s.Mine * of / s.Of
	args := []string{"-m", "cluster", "--cluster-total-nodes", fmt.Sprint(of)}
	mask := uint64(1)<<mine - 1
	if mine == 0 {
		args, mask = append(args, "!"), uint64(1)<<of-1
	}
	return append(args, "--cluster-local-nodemask", fmt.Sprintf("%#x", mask), "--cluster-hash-seed", fmt.Sprint(seed))
}

// tool finds a program; root's directories are searched too, since a PATH may
// lack them.
func tool(name, debian string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if err != nil {
			path, err = exec.LookPath(filepath.Join(dir, name))
		}
	}
	if err != nil {
		return "", &Unavailable{fmt.Sprintf("%s is not installed (Debian: apt-get install %s)", name, cmp.Or(debian, name))}
	}
	return path, nil
}

func join(vips []VIP) string {
	texts := make([]string, len(vips))
	for i, v := range vips {
		texts[i] = v.String()
	}
	return strings.Join(texts, ", ")
}
