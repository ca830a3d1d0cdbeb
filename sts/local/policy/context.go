package policy

import "strings"

// Context holds the condition keys of one request. Key names are
// case-insensitive; a key that was never set is absent, which is not the same
// as a key set to "" or to an empty list. The zero value is an empty context,
// ready to use. Copies share their content.
type Context struct {
	entries map[string]contextEntry // by lower-case key
}

type contextEntry struct {
	values []string
	list   bool // the key is multivalued, however many values it has now
}

// Set gives a single-valued key its value, replacing what it had.
func (c *Context) Set(key, value string) {
	c.put(key, contextEntry{values: []string{value}})
}

// SetList makes key multivalued, with the values given: none is a key that is
// present and empty. Only set operators (ForAllValues, ForAnyValue) and Null
// can match such a key, even if it has one value. Values are copied.
func (c *Context) SetList(key string, values ...string) {
	c.put(key, contextEntry{values: append([]string(nil), values...), list: true})
}

// Delete makes key absent.
func (c *Context) Delete(key string) { delete(c.entries, strings.ToLower(key)) }

// Get returns a key's values and whether the key is present.
func (c Context) Get(key string) (values []string, ok bool) {
	e, ok := c.entries[strings.ToLower(key)]
	return append([]string(nil), e.values...), ok
}

// Len returns the number of keys.
func (c Context) Len() int { return len(c.entries) }

// Clone returns a copy that can be changed without changing c.
func (c Context) Clone() Context {
	n := Context{entries: make(map[string]contextEntry, len(c.entries))}
	for k, v := range c.entries {
		n.entries[k] = v
	}
	return n
}

func (c *Context) put(key string, e contextEntry) {
	if c.entries == nil {
		c.entries = make(map[string]contextEntry)
	}
	c.entries[strings.ToLower(key)] = e
}
