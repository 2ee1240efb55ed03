package console

import (
	"fmt"
	"strconv"
)

// ViewID names a view: a 64-bit hash of its canonical form. As text it is 16
// hexadecimal digits. 0 is no view.
type ViewID uint64

// viewIDDigits is the length of a view id as text: 64 bits, 4 to a digit.
const viewIDDigits = 16

// String writes the id as 16 hexadecimal digits.
func (v ViewID) String() string { return fmt.Sprintf("%016x", uint64(v)) }

// MarshalText writes the id as String does. The number itself would lose its
// low bits in readers that keep JSON numbers as floating point.
func (v ViewID) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads what MarshalText writes, and nothing else.
func (v *ViewID) UnmarshalText(text []byte) error {
	id, err := strconv.ParseUint(string(text), 16, 64)
	if err != nil || len(text) != viewIDDigits {
		return fmt.Errorf("view id %q is not %d hexadecimal digits", text, viewIDDigits)
	}
	*v = ViewID(id)
	return nil
}
