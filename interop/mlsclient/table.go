package mlsclient

import (
	"sync"
	"sync/atomic"
)

// table holds what the caller refers to by number.
type table[T any] struct {
	ids  *atomic.Uint32 // the number given last; 0 is never given
	what string

	mu      sync.Mutex
	entries map[uint32]T
}

func newTable[T any](ids *atomic.Uint32, what string) *table[T] {
	return &table[T]{ids: ids, what: what, entries: map[uint32]T{}}
}

func (t *table[T]) add(entry T) uint32 {
	id := t.ids.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.entries[id] = entry
	return id
}

func (t *table[T]) get(id uint32) (T, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	entry, ok := t.entries[id]
	if !ok {
		return entry, &notFoundError{t.what, id}
	}
	return entry, nil
}

func (t *table[T]) remove(id uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.entries, id)
}
