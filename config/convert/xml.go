package convert

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// element is an XML element that knows its line.
type element struct {
	line       int
	name       string
	attributes map[string]string
	children   []*element
}

// maxXMLDepth is deeper than any file of the kind, and bounds what follows the tree.
const maxXMLDepth = 32

// parseXML reads a file into a tree.
func (in Input) parseXML() (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(in.Data))
	d.CharsetReader = latin1
	root := &element{}
	open := []*element{root}
	for {
		token, err := d.Token()
		line, _ := d.InputPos()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, in.refuse(line, "is no XML: "+xmlProblem(err), "mend it, or give another file")
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) > maxXMLDepth {
				return nil, in.refuse(line, "has elements in elements too deep", "is it the right file?")
			}
			e := &element{line: line, name: t.Name.Local, attributes: map[string]string{}}
			for _, a := range t.Attr {
				e.attributes[a.Name.Local] = a.Value
			}
			above := open[len(open)-1]
			above.children = append(above.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		}
	}
	if len(root.children) == 0 {
		return nil, in.refuse(0, "has no XML element", "is it the right file?")
	}
	return root, nil
}

// xmlProblem is an error of the XML decoder without the line that it repeats.
func xmlProblem(err error) string {
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) {
		return syntax.Msg
	}
	return strings.TrimPrefix(err.Error(), "xml: ")
}

// latin1 reads the one other encoding that editors of such files use: each byte is
// the code point of the same number.
func latin1(charset string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "us-ascii", "ascii":
		return input, nil
	case "iso-8859-1", "latin1", "iso-8859-15", "windows-1252":
		data, err := io.ReadAll(input)
		if err != nil {
			return nil, err
		}
		runes := make([]rune, len(data))
		for i, b := range data {
			runes[i] = rune(b)
		}
		return strings.NewReader(string(runes)), nil
	}
	return nil, fmt.Errorf("encoding %q is not known: save it as UTF-8", charset)
}

// all returns the elements below with one of the names, wherever they are.
func (e *element) all(names ...string) []*element {
	var found []*element
	for _, c := range e.children {
		for _, name := range names {
			if c.name == name {
				found = append(found, c)
			}
		}
		found = append(found, c.all(names...)...)
	}
	return found
}

// first returns the first element below with the name; an empty one if there is
// none, which has no attributes and no children.
func (e *element) first(name string) *element {
	if list := e.all(name); len(list) > 0 {
		return list[0]
	}
	return &element{}
}

// get is an attribute's value without space around it.
func (e *element) get(name string) string { return strings.TrimSpace(e.attributes[name]) }

// or is an attribute's value, or what holds where it is not there.
func (e *element) or(name, otherwise string) string {
	if v := e.get(name); v != "" {
		return v
	}
	return otherwise
}
