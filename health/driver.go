package health

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// driver is what only the interface's driver knows.
type driver struct {
	name string
	// queues is the number of receive queues in use; 0 if the driver won't say.
	queues int
	lro    bool
	// rxVLAN says that the card takes VLAN tags off, groHW that it joins packets.
	rxVLAN, groHW bool
}

// askDriver asks by ethtool. What a driver doesn't answer stays zero: many
// virtual ones answer little.
func askDriver(ifname string) (driver, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return driver{}, fmt.Errorf("ask the driver of %s: %w", ifname, err)
	}
	defer unix.Close(fd)
	var d driver
	if info, err := unix.IoctlGetEthtoolDrvinfo(fd, ifname); err == nil {
		d.name = unix.ByteSliceToString(info.Driver[:])
	}
	channels := ethtoolChannels{cmd: ethtoolGetChannels}
	if err := ethtool(fd, ifname, &channels); err == nil {
		d.queues = int(channels.rxCount + channels.combined)
	}
	flags := ethtoolValue{cmd: ethtoolGetFlags}
	if err := ethtool(fd, ifname, &flags); err == nil {
		d.lro, d.rxVLAN = flags.data&ethtoolFlagLRO != 0, flags.data&ethtoolFlagRxVLAN != 0
	}
	d.groHW = hasFeature(fd, ifname, "rx-gro-hw")
	return d, nil
}

// hasFeature tells whether a feature of that name is on.
func hasFeature(fd int, ifname, name string) bool {
	names := ethtoolStrings{cmd: ethtoolGetStrings, set: ethtoolFeatureSet} // no count: the kernel tells it
	features := ethtoolFeatures{cmd: ethtoolGetFeatures, size: maxFeatures / 32}
	if ethtool(fd, ifname, &names) != nil || ethtool(fd, ifname, &features) != nil {
		return false
	}
	for i := range min(names.count, maxFeatures) {
		if unix.ByteSliceToString(names.names[i][:]) == name {
			return features.blocks[i/32].active>>(i%32)&1 != 0
		}
	}
	return false
}
