package netcheck

import (
	"thresher/config"
	"thresher/farm/wire"
)

// cure says what the network needs for a VIP, and where on this kind of machine it
// is set: a virtual machine's driver tells its hypervisor.
func cure(vip config.VIP, driver string) string {
	text := wire.Cure(vip)
	switch driver {
	case "vmxnet3":
		text += "; on VMware, the port group's security policy must accept promiscuous mode"
	case "hv_netvsc":
		text += "; Hyper-V floods no unknown addresses: use mode multicast"
	case "virtio_net":
		text += "; on KVM and Proxmox, the bridge port of the virtual machine must have flood and mcast_flood on and no filter for foreign addresses"
	}
	return text
}
