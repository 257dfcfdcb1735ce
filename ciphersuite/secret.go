package ciphersuite

import (
	"crypto/subtle"
	"fmt"
	"io"
)

// Secret holds key material behind a pointer, so that no formatting verb, log line or JSON encoder can print it.
// The zero Secret holds nothing. Copies of a Secret share the same bytes: each secret has one owner, who calls Erase
// when RFC 9420, Section 9.2 or the section that made the secret says so.
//
// Go cannot promise that no copy remains: the runtime may have moved the bytes while growing a stack, and hash and
// cipher implementations keep key schedules that only the garbage collector frees. Erase overwrites the one heap
// array that this package owns.
type Secret struct {
	// Two pointers, because fmt cannot call Format on an unexported field of somebody's struct, and then follows one
	// when the verb is wrong: "%!x(*held=&{[1 2 3]})".
	held **held
}

type held struct{ b []byte }

// NewSecret takes ownership of b.
func NewSecret(b []byte) Secret {
	cell := new(struct {
		to *held
		held
	})
	cell.b = b
	cell.to = &cell.held
	return Secret{&cell.to}
}

// Bytes returns the key material itself, not a copy. It is nil for a zero or erased Secret.
func (s Secret) Bytes() []byte {
	if s.held == nil {
		return nil
	}
	return (*s.held).b
}

// Len returns the length in bytes.
func (s Secret) Len() int { return len(s.Bytes()) }

// IsZero reports whether there is no key material: a zero or erased Secret.
func (s Secret) IsZero() bool { return s.Len() == 0 }

// Equal compares in constant time for secrets of one length.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare(s.Bytes(), other.Bytes()) == 1
}

// Clone copies the key material, for a second owner.
func (s Secret) Clone() Secret {
	if s.held == nil {
		return Secret{}
	}
	return NewSecret(append([]byte(nil), s.Bytes()...))
}

// Erase overwrites the key material in every copy of this Secret. It may be called twice.
func (s Secret) Erase() {
	if s.held == nil {
		return
	}
	clear(s.Bytes())
	(*s.held).b = nil
}

// Format writes a placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "[secret]") // fmt.State reports failures by its own means
}

// MarshalText writes a placeholder, so that encoders print no key material.
func (s Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
