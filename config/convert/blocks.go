package convert

import "strings"

// block is a line of words of a file with braces, and what is between the braces
// that follow.
type block struct {
	line  int
	words []string
	body  []*block
}

// maxBlockDepth is deeper than any file of the kind.
const maxBlockDepth = 16

// parseBlocks reads keepalived's syntax: a line is words; `{` at its end, or on the
// next line, opens what belongs to it; # and ! begin a comment.
func (in Input) parseBlocks() (*block, error) {
	root := &block{}
	open := []*block{root}
	for i, text := range strings.Split(plainText(in.Data), "\n") {
		args, err := blockWords(text)
		if err != "" {
			return nil, in.refuse(i+1, err, "end the quotes on the same line")
		}
		var current *block
		for _, w := range args {
			top := open[len(open)-1]
			switch w {
			case "{":
				if current == nil && len(top.body) > 0 {
					current = top.body[len(top.body)-1]
				}
				if current == nil || len(open) > maxBlockDepth {
					return nil, in.refuse(i+1, "a brace opens nothing", "is the file whole?")
				}
				open, current = append(open, current), nil
			case "}":
				if len(open) == 1 {
					return nil, in.refuse(i+1, "a brace closes nothing", "is the file whole?")
				}
				open, current = open[:len(open)-1], nil
			default:
				if current == nil {
					current = &block{line: i + 1}
					top.body = append(top.body, current)
				}
				current.words = append(current.words, w)
			}
		}
	}
	if len(open) > 1 {
		return nil, in.refuse(open[len(open)-1].line, "a brace is never closed", "is the file whole?")
	}
	return root, nil
}

// blockWords splits a line; braces are words of their own.
func blockWords(line string) (list []string, problem string) {
	for {
		line = strings.TrimLeft(line, " \t\r")
		switch {
		case line == "" || line[0] == '#' || line[0] == '!':
			return list, ""
		case line[0] == '{' || line[0] == '}':
			list, line = append(list, line[:1]), line[1:]
		case line[0] == '"':
			text, rest, ok := strings.Cut(line[1:], `"`)
			if !ok {
				return nil, "quotes are never closed"
			}
			list, line = append(list, text), rest
		default:
			end := strings.IndexAny(line, " \t\r{}\"")
			if end < 0 {
				end = len(line)
			}
			list, line = append(list, line[:end]), line[end:]
		}
	}
}

// name is a block's first word; empty if it has none.
func (b *block) name() string { return b.word(0) }

// word is a block's word; empty if it has none.
func (b *block) word(i int) string {
	if i < len(b.words) {
		return b.words[i]
	}
	return ""
}

// all returns the blocks inside that have one of the names.
func (b *block) all(names ...string) []*block {
	var list []*block
	for _, c := range b.body {
		for _, name := range names {
			if c.name() == name {
				list = append(list, c)
			}
		}
	}
	return list
}

// value is the second word of the last of the blocks inside with one of the names.
func (b *block) value(names ...string) string {
	if list := b.all(names...); len(list) > 0 {
		return list[len(list)-1].word(1)
	}
	return ""
}
