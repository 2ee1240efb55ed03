package config

import (
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// leftOut stands where a value was that may be secret.
const leftOut = "(left out)"

// secretKeys are the keys whose values may be secret: webhooks have their secret in
// the URL, checks in headers, and commands in their environment.
var secretKeys = []string{"url", "headers", "environment", "send", "user", "password", "token"}

// credentials are a name and a password in a URL (RFC 3986, 3.2.1).
var credentials = regexp.MustCompile(`://[^/@\s"']*@`)

// Redact is the text of a configuration for other people's eyes. Comments are left
// out, too. A text that can't be read is left out as a whole.
func Redact(text []byte) []byte {
	d, err := ReadDocument(text)
	if err != nil {
		return []byte(leftOut + ": " + err.Error() + "\n")
	}
	redact(&d.doc)
	out, err := d.Text()
	if err != nil {
		return []byte(leftOut + ": " + err.Error() + "\n")
	}
	return credentials.ReplaceAll(out, []byte("://"+leftOut+"@"))
}

func redact(n *yaml.Node) {
	n.HeadComment, n.LineComment, n.FootComment = "", "", ""
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && slices.Contains(secretKeys, n.Content[i-1].Value) {
			n.Content[i] = &yaml.Node{Kind: yaml.ScalarNode, Value: leftOut}
			continue
		}
		redact(child)
	}
}
