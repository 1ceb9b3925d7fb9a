package policy

import (
	"hash/maphash"
	"iter"
	"maps"
	"slices"
)

// shardCount is a compromise between what one change copies, the array of
// shards and one of them: at 100,000 entries 8 KiB and about 100 entries.
const shardCount = 1024

// shards is an immutable map by name whose versions share what they have in
// common. Make one with newShards, another from it with a draft.
type shards[V any] struct {
	seed maphash.Seed
	at   *[shardCount]map[string]V
	n    int
}

func newShards[V any]() shards[V] {
	return shards[V]{seed: maphash.MakeSeed(), at: new([shardCount]map[string]V)}
}

func (s shards[V]) slot(name string) int {
	return int(maphash.String(s.seed, name) % shardCount)
}

func (s shards[V]) get(name string) (V, bool) {
	v, ok := s.at[s.slot(name)][name]
	return v, ok
}

// sorted goes through the map by name.
func (s shards[V]) sorted() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		names := make([]string, 0, s.n)
		for _, m := range s.at {
			names = slices.AppendSeq(names, maps.Keys(m))
		}
		slices.Sort(names)
		for _, name := range names {
			if v, _ := s.get(name); !yield(name, v) {
				return
			}
		}
	}
}

// draft is the next version of a map while it is made. It copies a shard when
// it first changes it.
type draft[V any] struct {
	next  shards[V]
	owned [shardCount]bool
}

func (s shards[V]) draft() *draft[V] {
	at := *s.at
	return &draft[V]{next: shards[V]{s.seed, &at, s.n}}
}

func (d *draft[V]) get(name string) (V, bool) { return d.next.get(name) }

func (d *draft[V]) own(name string) map[string]V {
	i := d.next.slot(name)
	if !d.owned[i] {
		d.owned[i] = true
		// One more than there are: most changes of size add one.
		m := make(map[string]V, len(d.next.at[i])+1)
		maps.Copy(m, d.next.at[i])
		d.next.at[i] = m
	}
	return d.next.at[i]
}

func (d *draft[V]) set(name string, v V) {
	m := d.own(name)
	d.next.n -= len(m)
	m[name] = v
	d.next.n += len(m)
}

func (d *draft[V]) drop(name string) {
	m := d.own(name)
	d.next.n -= len(m)
	delete(m, name)
	d.next.n += len(m)
}

// done gives the finished map; the draft must not be used after it.
func (d *draft[V]) done() shards[V] { return d.next }
