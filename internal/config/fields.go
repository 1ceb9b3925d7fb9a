package config

import "reflect"

// Keys returns the name of every setting, in the order of the file.
func Keys() []string { return keys(reflect.TypeFor[Config]()) }

func keys(t reflect.Type) []string {
	var keys []string
	for f := range fields(t) {
		keys = append(keys, f.Tag.Get("yaml"))
	}
	return keys
}

func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && !yield(f) {
				return
			}
		}
	}
}

// field returns the field of a key.
func (c *Config) field(key string) (reflect.Value, bool) {
	return field(reflect.ValueOf(c).Elem(), key)
}

func field(v reflect.Value, key string) (reflect.Value, bool) {
	for f := range fields(v.Type()) {
		if f.Tag.Get("yaml") == key {
			return v.FieldByIndex(f.Index), true
		}
	}
	return reflect.Value{}, false
}
