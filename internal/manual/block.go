package manual

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// block is a fenced block of sh.
type block struct {
	file string // its page
	line int    // where its first line is
	// on are the machines that it is run on; none where it is not marked.
	on    []string
	lines []string
}

// command is one line of a block.
type command struct {
	at   string // page and line
	text string
}

// commands are the block's lines that are no mere comments. A line that ends with a
// backslash goes on in the next one.
func (b block) commands() (list []command) {
	whole := ""
	for i, line := range b.lines {
		whole += line
		if start, ok := strings.CutSuffix(whole, "\\"); ok {
			whole = start
			continue
		}
		if text := strings.TrimSpace(whole); text != "" && text[0] != '#' {
			list = append(list, command{fmt.Sprintf("%s:%d", b.file, b.line+i), text})
		}
		whole = ""
	}
	return list
}

var (
	mark  = regexp.MustCompile(`^\s*<!-- ci: (.*) -->$`)
	fence = regexp.MustCompile("^\\s*```(\\w*)$")
)

// readBlocks reads the blocks of sh in a page. A mark is the block's that follows it,
// with empty lines between them at most.
func readBlocks(path string) (blocks []block, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var on []string
	inside, language := false, ""
	for i, line := range strings.Split(string(text), "\n") {
		switch f := fence.FindStringSubmatch(line); {
		case f != nil && inside:
			inside, on = false, nil
		case f != nil:
			inside, language = true, f[1]
			if language == "sh" {
				blocks = append(blocks, block{file: filepath.Base(path), line: i + 2, on: on})
			}
		case inside && language == "sh":
			last := &blocks[len(blocks)-1]
			last.lines = append(last.lines, line)
		case inside:
		case mark.MatchString(line):
			on = strings.Fields(mark.FindStringSubmatch(line)[1])
		case strings.TrimSpace(line) != "":
			on = nil
		}
	}
	return blocks, nil
}
