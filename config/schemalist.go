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
func SchemaKeys() []SchemaKey { return schemaKeys(reflect.TypeFor[rawConfig](), "") }

func schemaKeys(t reflect.Type, path string) (list []SchemaKey) {
	for _, f := range fields(t) {
		at, kind := child(path, f.key), f.kind
		if kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Struct {
			at, kind = at+"[]", kind.Elem()
		}
		if kind.Kind() == reflect.Struct {
			list = append(list, schemaKeys(kind, at)...)
			continue
		}
		list = append(list, SchemaKey{at, typeName(kind)})
	}
	return list
}

// typeName is what people call a type of the schema.
func typeName(t reflect.Type) string {
	switch {
	case t == durationType:
		return "duration, such as 3s"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Int64:
		return "number"
	case t.Kind() == reflect.Slice:
		return "list"
	case t.Kind() == reflect.Interface:
		return "one value or a list"
	}
	return "text"
}
