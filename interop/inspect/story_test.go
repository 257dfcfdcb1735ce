package inspect

import (
	"crypto"
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

var rewrite = flag.Bool("rewrite", false, "make the samples in testdata anew; the golden files of cmd/copse follow")

// story is the messages between the members of a group, and some of their private keys.
type story map[string][]byte

var storyTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// teller makes a story.
type teller struct {
	testing.TB
	suite *ciphersuite.Suite
	alice *mls.Group
	by    crypto.Signer
	told  story
}

func (t *teller) client(name string) mls.LeafParams {
	signer, err := t.suite.GenerateSigner(nil)
	require.NoError(t, err)
	return mls.LeafParams{Credential: framing.BasicCredential([]byte(name)), Signer: signer,
		Capabilities: framing.Capabilities{Extensions: []framing.ExtensionType{0x0a0a}, Proposals: []framing.ProposalType{0xf001}}}
}

func (t *teller) keyPackage(name string) *mls.OwnKeyPackage {
	k, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: t.suite.CipherSuite(), Leaf: t.client(name),
		Lifetime: mls.LifetimeFrom(storyTime, 60*24*time.Hour)})
	require.NoError(t, err)
	return k
}

// commit has Alice commit and returns the Welcome, if there is one.
func (t *teller) commit(p mls.CommitParams) []byte {
	p.Now = storyTime
	s, err := t.alice.Commit(p, t.by)
	require.NoError(t, err)
	t.told["commit"] = s.Send[0].Message
	s, err = s.Next.Adopt()
	require.NoError(t, err)
	t.alice = s.Next
	if len(s.Send) == 0 {
		return nil
	}
	return s.Send[0].Message
}

func (t *teller) add(names ...string) (p mls.CommitParams) {
	for _, name := range names {
		p.Proposals = append(p.Proposals, &framing.Add{KeyPackage: t.keyPackage(name).KeyPackage})
	}
	return p
}

func (t *teller) groupInfo(name string) {
	info, err := t.alice.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, t.by)
	require.NoError(t, err)
	t.told[name] = info
}

// tell makes the story of a group: Alice adds Bob, Carol and Dave, then removes Carol and adds Erin, for whom a PSK and
// the private init key are kept.
func tell(tb testing.TB, cs ciphersuite.CipherSuite) story {
	suite, err := ciphersuite.New(cs)
	require.NoError(tb, err)
	t := &teller{TB: tb, suite: suite, told: story{}}
	alice := t.client("alice")
	t.by = alice.Signer
	s, err := mls.Create(mls.CreateParams{CipherSuite: cs, GroupID: []byte("grove"), Leaf: alice,
		Lifetime: mls.LifetimeFrom(storyTime, 60*24*time.Hour)})
	require.NoError(t, err)
	t.alice = s.Next
	t.commit(t.add("bob", "carol", "dave"))
	t.groupInfo("group_info_1")

	erin := t.keyPackage("erin")
	t.told["key_package"], err = erin.Message()
	require.NoError(t, err)
	t.told["init_key"] = erin.InitKey.Bytes()
	t.told["own_key_package"], err = erin.Marshal()
	require.NoError(t, err)
	proposal, err := t.alice.Propose(&framing.Remove{Removed: 2}, mls.ProposeParams{}, t.by)
	require.NoError(t, err)
	t.told["proposal"] = proposal.Send[0].Message
	t.alice = proposal.Next

	psk := ciphersuite.NewSecret([]byte("the secret of the grove"))
	id := framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: []byte("oak")}
	t.told["welcome"] = t.commit(mls.CommitParams{ForcePath: true,
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: erin.KeyPackage}, &framing.PreSharedKey{PSK: id}},
		PSKs:      mls.PSKs{{ID: id, Secret: psk}},
	})
	t.groupInfo("group_info_2")
	t.told["ratchet_tree"] = t.alice.Tree().Export()
	private, err := t.alice.Protect([]byte("good morning"), mls.ProtectParams{}, t.by)
	require.NoError(t, err)
	t.told["private_message"] = private.Send[0].Message
	return t.told
}

var thePSK = PSK{"oak", ciphersuite.NewSecret([]byte("the secret of the grove"))}

// stored returns the story in testdata, on which the golden files of cmd/copse are based, too.
func stored(t testing.TB) story {
	files, err := filepath.Glob(filepath.Join("testdata", "*.hex"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	s := story{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		require.NoError(t, err)
		data, encoding, err := Decode(text, Guess)
		require.NoError(t, err)
		require.Equal(t, Hex, encoding)
		s[filepath.Base(f[:len(f)-len(".hex")])] = data
	}
	return s
}

func TestRewrite(t *testing.T) {
	if !*rewrite {
		require.Len(t, stored(t), len(tell(t, ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)))
		return
	}
	for name, data := range tell(t, ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519) {
		text := hex.EncodeToString(data) + "\n"
		require.NoError(t, os.WriteFile(filepath.Join("testdata", name+".hex"), []byte(text), 0o644))
	}
}
