// Package handover passes the half-open handshakes of lost buckets on, so that
// their clients' repeated SYNs are left to the node that has already answered
// them. Without it a moved bucket resets every handshake in flight: two nodes
// answer one SYN with different sequence numbers.
//
// It is a pure state machine like cluster/confirm: events and time in, messages
// out. When a node releases buckets (confirm.Lease.Release), it lists its
// SYN_RECV sockets in them with [List.Add]. Every member is told, since a bucket
// may move again, and told again until it has echoed ([List.Messages],
// [List.Echo]). A node that gains buckets asks [Others.Complete] whether the
// list of every holder's last release has come, parks SYNs until it has or
// [ParkLimit] has passed, and leaves those alone that [Others.Has] knows. An
// entry ends when its holder says that the handshake is done, when the holder is
// gone or a new process, or after [Lifetime].
package handover
