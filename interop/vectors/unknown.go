package vectors

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknownFields lists the fields in the JSON of a case that its type does not have, by their path without indexes, sorted.
// They are found as package json finds fields: in any case of letters, and in embedded structures.
func unknownFields(data []byte, c any) []string {
	var value any
	if json.Unmarshal(data, &value) != nil {
		return nil
	}
	found := map[string]bool{}
	addUnknown(found, value, reflect.TypeOf(c), "")
	return slices.Sorted(maps.Keys(found))
}

func addUnknown(found map[string]bool, value any, t reflect.Type, path string) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return // hexadecimal, or null
	}
	switch value := value.(type) {
	case []any:
		for _, x := range value {
			if t.Kind() == reflect.Slice {
				addUnknown(found, x, t.Elem(), path)
			}
		}
	case map[string]any:
		if t.Kind() != reflect.Struct {
			return
		}
		for name, x := range value {
			if field := fieldNamed(t, name); field != nil {
				addUnknown(found, x, field, path+name+".")
			} else {
				found[path+name] = true
			}
		}
	}
}

// fieldNamed returns the type of the field of a structure that has a name in JSON, nil when there is none.
func fieldNamed(t reflect.Type, name string) reflect.Type {
	for _, f := range reflect.VisibleFields(t) {
		if strings.EqualFold(f.Tag.Get("json"), name) && !f.Anonymous {
			return f.Type
		}
	}
	return nil
}
