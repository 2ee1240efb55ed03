package config

import "reflect"

// SchemaKey is one key of the file.
type SchemaKey struct {
	// Key is the path, with [] behind what is a list of mappings.
	Key string `json:"key"`
	// Type says what its value is.
	Type string `json:"type"`
}

// SchemaKeys lists every key that the file may have, in the order of the schema.
func SchemaKeys() (list []SchemaKey) {
	walk(reflect.TypeFor[rawConfig](), "", func(path string, t reflect.Type) {
		if t.Kind() == reflect.Struct || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct {
			return // its keys follow
		}
		list = append(list, SchemaKey{path, typeName(t)})
	})
	return list
}

// typeName is what people call a type of the schema.
func typeName(t reflect.Type) string {
	switch {
	case t == durationType:
		return "duration, such as 3s"
	case t.Kind() == reflect.Interface:
		return "one value or a list"
	}
	return typeText(t)
}
