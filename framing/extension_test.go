package framing

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExtensionValues(t *testing.T) {
	var list Extensions
	for _, v := range []ExtensionValue{
		&ApplicationID{ApplicationID: []byte("phone")},
		&RequiredCapabilities{ExtensionTypes: []ExtensionType{0xf001}, CredentialTypes: []CredentialType{1}},
		&ExternalPub{ExternalPub: []byte{1, 2, 3}},
		&ExternalSenders{{SignatureKey: []byte{4}, Credential: BasicCredential([]byte("service"))}},
		RatchetTree{}.With([]*Node{{ParentNode: &ParentNode{EncryptionKey: []byte{1}}}}),
	} {
		found, err := list.Get(v)
		require.NoError(t, err)
		require.False(t, found)

		e, err := NewExtension(v)
		require.NoError(t, err)
		require.Equal(t, v.ExtensionType(), e.Type)
		list = append(list, e)

		got := fresh(v).(ExtensionValue)
		found, err = list.Get(got)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, v, got)

		if v.ExtensionType() != ExtensionTypeRatchetTree {
			broken := Extensions{{Type: e.Type, Data: append(e.Data[:len(e.Data):len(e.Data)], 0)}}
			require.Error(t, broken.Check(), "data is not used up")
			_, err = broken.Get(fresh(v).(ExtensionValue))
			requireSyntaxError(t, err, len(e.Data))
		}
	}
	list = append(list, Extension{Type: 0x0a0a, Data: []byte("anything")})
	require.NoError(t, list.Check())
	data, found := list.Find(0x0a0a)
	require.True(t, found)
	require.Equal(t, "anything", string(data))
}

func TestRepeatedExtensions(t *testing.T) {
	requireRule(t, "V-EXT-01", Extensions{{Type: 0xf001}, {Type: 2}, {Type: 0xf001, Data: []byte{1}}}.Check())

	// Long lists go by another way.
	var long Extensions
	for i := range 1 << 16 {
		if !checkedType(i) {
			long = append(long, Extension{Type: ExtensionType(i)})
		}
	}
	require.NoError(t, long.Check())
	long = append(long, Extension{Type: 0xffff})
	requireRule(t, "V-EXT-01", long.Check())
}

func checkedType(i int) bool { return checkedValue(ExtensionType(i)) != nil }
