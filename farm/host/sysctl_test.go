package host

import "testing"

// What somebody has set to a value that does as well stays his.
func TestSysctlThatDoesAsWell(t *testing.T) {
	const name = "net/ipv4/conf/eth0/arp_ignore"
	machine(t).Do(t, func() error {
		j, _ := journalIn(t)
		if err := writeSysctl(name, "2"); err != nil {
			return err
		}
		if err := j.SetSysctl(name, "1", "2", "8"); err != nil {
			return err
		}
		if got := sysctlOf(t, name); got != "2" || len(j.Entries()) != 0 {
			t.Errorf("is %s, recorded %v; want 2, nothing", got, j.Entries())
		}
		if err := writeSysctl(name, "3"); err != nil {
			return err
		}
		if err := j.SetSysctl(name, "1", "2", "8"); err != nil {
			return err
		}
		if got := sysctlOf(t, name); got != "1" || len(j.Entries()) != 1 {
			t.Errorf("is %s, recorded %v; want 1, and one record", got, j.Entries())
		}
		return j.Undo()
	})
}
