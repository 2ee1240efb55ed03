package farm

import (
	"fmt"

	"thresher/config"
	"thresher/console"
	"thresher/internal/wholefile"
)

// errNoFile answers who wants to see or change the configuration of a daemon that
// has no file.
var errNoFile = &console.Error{Code: console.CodeUnavailable, Message: "this daemon was not started from a file", Cure: "start it by thresher run --config FILE"}

// text is the configuration's file as it is.
func (s Self) text() ([]byte, error) {
	if s.File == "" || s.Parse == nil {
		return nil, errNoFile
	}
	b, err := wholefile.Read(s.File, config.MaxFileSize)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return b, nil
}
