// Package segment carries the confirmation's heartbeats (cluster/confirm) as
// broadcast Ethernet frames on the interface that the VIPs' packets come in by,
// so that control shares the fate of the data: no firewall for IP and no other
// network's failure comes between nodes that see the same clients.
//
// A frame is an Ethernet header with the broadcast address, the interface's own
// address and EtherType 0x88B5, which IEEE 802 keeps for local experiments
// (IEEE 802-2014, table 4), and a sealed heartbeat (confirm.Sealer). Ethernet
// pads short frames; a sealed heartbeat is never short.
package segment
