package ciphersuite

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	key := []byte("\xde\xad\xbe\xefsesame-open")
	s := NewSecret(key)
	type holder struct {
		Exported   Secret
		unexported Secret
		Pair       KeyPair
	}
	h := holder{s, s, KeyPair{HPKEPublicKey("public"), s}}
	var printed []string
	for _, v := range []any{s, &s, h, &h, []Secret{s}, map[string]Secret{"k": s}, fmt.Errorf("wrapped: %v", s)} {
		for verb := 'A'; verb <= 'z'; verb++ {
			for _, flag := range []string{"", "+", "#", " ", "0", "-40", "."} {
				printed = append(printed, fmt.Sprintf("%"+flag+string(verb), v))
			}
		}
		j, err := json.Marshal(v)
		require.NoError(t, err)
		printed = append(printed, fmt.Sprint(v), string(j))
	}
	x, err := xml.Marshal(s)
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("key", "secret", s, "holder", h)
	slog.New(slog.NewTextHandler(&log, nil)).Info("key", "secret", s, "holder", h)
	printed = append(printed, string(x), log.String())
	for _, p := range printed {
		for _, form := range []string{"sesame", hex.EncodeToString(key[:4]), "DEADBEEF", "222 173 190 239", "222,173,190", "0xde, 0xad", "3q2+7"} {
			require.NotContains(t, p, form)
		}
	}
	require.Equal(t, "[secret]", fmt.Sprintf("%x", s))
	require.NotNil(t, h.unexported)
}

func TestSecret(t *testing.T) {
	var zero Secret
	require.True(t, zero.IsZero())
	require.Nil(t, zero.Bytes())
	require.True(t, zero.Clone().IsZero())
	zero.Erase()

	b := []byte{1, 2, 3}
	s := NewSecret(b)
	shared, clone := s, s.Clone()
	require.False(t, s.IsZero())
	require.True(t, s.Equal(clone))
	require.False(t, s.Equal(NewSecret([]byte{1, 2, 4})))
	require.False(t, s.Equal(NewSecret([]byte{1, 2})))
	s.Erase()
	s.Erase()
	require.True(t, s.IsZero())
	require.True(t, shared.IsZero(), "copies share the bytes")
	require.Equal(t, []byte{0, 0, 0}, b, "overwritten")
	require.Equal(t, []byte{1, 2, 3}, clone.Bytes())
}
