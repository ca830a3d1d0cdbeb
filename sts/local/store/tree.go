package store

import (
	"iter"
	"slices"
)

// fanout bounds the entries of a node.
const fanout = 32

// A tree is a map that is sorted by its keys: a B+ tree whose copies share
// their nodes. Copying is cheap, and writing to a copy copies the nodes on the
// way to what changes, once for each owner. So those who read an older copy
// need no lock. Nodes that become empty are dropped; others aren't merged.
type tree[V any] struct {
	root  *node[V]
	size  int
	owner *owner
}

// An owner may write to the nodes it has made. It has a size, so that no two
// have the same address.
type owner struct{ _ byte }

type node[V any] struct {
	owner *owner
	keys  []string // of an inner node: the smallest key of each child
	// A leaf has values, an inner node children: one for each key.
	values   []V
	children []*node[V]
}

// fork returns a copy for another owner to write to.
func (t tree[V]) fork(o *owner) tree[V] {
	t.owner = o
	return t
}

func (n *node[V]) leaf() bool { return n.children == nil }

// way is the child under which key is, or would be.
func (n *node[V]) way(key string) int {
	i, found := slices.BinarySearch(n.keys, key)
	if !found && i > 0 {
		i--
	}
	return i
}

func (t *tree[V]) get(key string) (v V, ok bool) {
	n := t.root
	for n != nil && !n.leaf() {
		n = n.children[n.way(key)]
	}
	if n == nil {
		return v, false
	}
	i, ok := slices.BinarySearch(n.keys, key)
	if !ok {
		return v, false
	}
	return n.values[i], true
}

func (t *tree[V]) put(key string, v V) {
	if t.root == nil {
		t.root = &node[V]{owner: t.owner}
	}
	root, more := t.insert(t.root, key, v)
	if more != nil {
		root = &node[V]{owner: t.owner, keys: []string{root.keys[0], more.keys[0]}, children: []*node[V]{root, more}}
	}
	t.root = root
}

// own returns n where the tree's owner may write to it, or else a copy.
func (t *tree[V]) own(n *node[V]) *node[V] {
	if n.owner == t.owner && t.owner != nil {
		return n
	}
	return &node[V]{
		owner: t.owner, keys: slices.Clone(n.keys),
		values: slices.Clone(n.values), children: slices.Clone(n.children),
	}
}

// insert puts v under n. It returns what takes n's place, two nodes where one
// would be too large.
func (t *tree[V]) insert(n *node[V], key string, v V) (left, right *node[V]) {
	n = t.own(n)
	if n.leaf() {
		i, found := slices.BinarySearch(n.keys, key)
		if found {
			n.values[i] = v
			return n, nil
		}
		n.keys = slices.Insert(n.keys, i, key)
		n.values = slices.Insert(n.values, i, v)
		t.size++
		return n, t.split(n)
	}
	i := n.way(key)
	child, more := t.insert(n.children[i], key, v)
	n.children[i], n.keys[i] = child, child.keys[0]
	if more != nil {
		n.children = slices.Insert(n.children, i+1, more)
		n.keys = slices.Insert(n.keys, i+1, more.keys[0])
	}
	return n, t.split(n)
}

// split cuts off and returns the second half of a node that is too large.
func (t *tree[V]) split(n *node[V]) *node[V] {
	if len(n.keys) <= fanout {
		return nil
	}
	half := len(n.keys) / 2
	right := &node[V]{owner: t.owner, keys: slices.Clone(n.keys[half:])}
	if n.leaf() {
		right.values = slices.Clone(n.values[half:])
		n.values = slices.Delete(n.values, half, len(n.values))
	} else {
		right.children = slices.Clone(n.children[half:])
		n.children = slices.Delete(n.children, half, len(n.children))
	}
	n.keys = slices.Delete(n.keys, half, len(n.keys))
	return right
}

func (t *tree[V]) remove(key string) {
	if _, ok := t.get(key); !ok {
		return
	}
	t.root = t.cut(t.root, key)
	t.size--
	for t.root != nil && len(t.root.children) == 1 {
		t.root = t.root.children[0]
	}
}

// cut removes a key that is there from under n; nil means that nothing is left.
func (t *tree[V]) cut(n *node[V], key string) *node[V] {
	n = t.own(n)
	i := n.way(key)
	if n.leaf() {
		n.values = slices.Delete(n.values, i, i+1)
		n.keys = slices.Delete(n.keys, i, i+1)
	} else if child := t.cut(n.children[i], key); child != nil {
		n.children[i], n.keys[i] = child, child.keys[0]
	} else {
		n.children = slices.Delete(n.children, i, i+1)
		n.keys = slices.Delete(n.keys, i, i+1)
	}
	if len(n.keys) == 0 {
		return nil
	}
	return n
}

// from yields the entries from key at on, as they are when it begins.
func (t *tree[V]) from(at string) iter.Seq2[string, V] {
	root := t.root
	return func(yield func(string, V) bool) {
		if root != nil {
			root.from(at, yield)
		}
	}
}

func (n *node[V]) from(at string, yield func(string, V) bool) bool {
	if n.leaf() {
		i, _ := slices.BinarySearch(n.keys, at)
		for ; i < len(n.keys); i++ {
			if !yield(n.keys[i], n.values[i]) {
				return false
			}
		}
		return true
	}
	for i := n.way(at); i < len(n.children); i++ {
		if !n.children[i].from(at, yield) {
			return false
		}
	}
	return true
}
