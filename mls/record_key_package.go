package mls

// RFC 9420, Section 10: Key Packages, with their private parts, in storage.

import (
	"github.com/copse-mls/copse/framing"
)

// recordKeyPackage names the encoding of an OwnKeyPackage in errors.
const recordKeyPackage = "keypackage"

// Marshal encodes the KeyPackage with its private keys, for storage. The result is secret. It fails with ErrErased.
func (k *OwnKeyPackage) Marshal() ([]byte, error) {
	var r recorder
	r.put(recordKeyPackage, 1024, func(w *recordWriter) {
		w.value(k.KeyPackage)
		w.secret(k.InitKey)
		w.secret(k.LeafKey)
	})
	if r.err != nil {
		return nil, r.err
	}
	return r.out[0].Value, nil
}

// UnmarshalOwnKeyPackage decodes what Marshal encoded. Join checks that the private keys belong to the KeyPackage. It fails
// with a *RecordError.
func UnmarshalOwnKeyPackage(data []byte) (*OwnKeyPackage, error) {
	k := &OwnKeyPackage{KeyPackage: new(framing.KeyPackage)}
	err := readRecord(recordKeyPackage, data, new(shelf), func(r *recordReader) {
		r.value(k.KeyPackage)
		k.InitKey, k.LeafKey = r.secret(), r.secret()
	})
	if err != nil {
		return nil, err
	}
	return k, nil
}
