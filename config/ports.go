package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

const portCure = `use a number from 1 to 65535, or a range such as "8000-8010"`

// String writes the range as the file does: "80" or "8000-8010".
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// ports reads a rule's ports, sorts them and joins ranges that touch.
func (p *problems) ports(path string, raw any) []PortRange {
	list, several := raw.([]any)
	if raw == nil || several && len(list) == 0 {
		p.addMissing(path, "give the ports served, such as [80, 443]")
		return nil
	}
	if !several {
		if r, ok := p.portRange(path, raw); ok {
			return []PortRange{r}
		}
		return nil
	}
	ranges := make([]PortRange, 0, len(list))
	for i, value := range list {
		if r, ok := p.portRange(fmt.Sprintf("%s[%d]", path, i), value); ok {
			ranges = append(ranges, r)
		}
	}
	slices.SortFunc(ranges, func(a, b PortRange) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Last, b.Last))
	})
	return p.joinRanges(path, ranges)
}

// joinRanges joins sorted ranges that touch, and refuses overlapping ones: a
// port that stands twice is more likely a slip than meant.
func (p *problems) joinRanges(path string, ranges []PortRange) []PortRange {
	joined := ranges[:0:0]
	for _, r := range ranges {
		last := len(joined) - 1
		switch {
		case last >= 0 && r.First <= joined[last].Last:
			p.add(path, fmt.Sprintf("port %d stands twice", r.First), "give each port once")
			return nil
		case last >= 0 && int(r.First) == int(joined[last].Last)+1:
			joined[last].Last = r.Last
		default:
			joined = append(joined, r)
		}
	}
	return joined
}

// portRange reads 80, "80" or "8000-8010".
func (p *problems) portRange(path string, value any) (PortRange, bool) {
	text := fmt.Sprint(value)
	switch number := value.(type) {
	case int, int64, uint64, string:
	case float64: // whole ones that no integer holds, too
		p.add(path, fmt.Sprintf("%q is no port", strconv.FormatFloat(number, 'f', -1, 64)), portCure)
		return PortRange{}, false
	default:
		p.add(path, fmt.Sprintf("%q is no port", text), portCure)
		return PortRange{}, false
	}
	low, high, isRange := strings.Cut(text, "-")
	if !isRange || low == "" { // a dash in front is a minus
		low, high = text, text
	}
	first, ok := p.port(path, text, low)
	last := first
	if ok && high != low {
		last, ok = p.port(path, text, high)
	}
	if !ok {
		return PortRange{}, false
	}
	if first > last {
		p.add(path, fmt.Sprintf("the range %s runs backwards", text), fmt.Sprintf("write %d-%d", last, first))
		return PortRange{}, false
	}
	return PortRange{first, last}, true
}

// port reads one port number out of what the file has there.
func (p *problems) port(path, text, number string) (uint16, bool) {
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case err != nil:
		p.add(path, fmt.Sprintf("%q is no port", text), portCure)
	case n < 1 || n > 65535:
		p.add(path, fmt.Sprintf("port %d is out of range", n), "use 1 to 65535")
	default:
		return uint16(n), true
	}
	return 0, false
}

// sharedPort returns the lowest port that is in both of two sorted lists.
func sharedPort(a, b []PortRange) (uint16, bool) {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Last < b[0].First:
			a = a[1:]
		case b[0].Last < a[0].First:
			b = b[1:]
		default:
			return max(a[0].First, b[0].First), true
		}
	}
	return 0, false
}
