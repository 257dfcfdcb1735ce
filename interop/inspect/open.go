package inspect

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
)

// InitKeyOf returns the private init key that data holds: an mls.OwnKeyPackage as it is stored, or the bare key. The
// caller owns it.
func InitKeyOf(data []byte) ciphersuite.Secret {
	own, err := mls.UnmarshalOwnKeyPackage(data)
	if err != nil {
		return ciphersuite.NewSecret(bytes.Clone(data))
	}
	own.LeafKey.Erase()
	return own.InitKey
}

// PSK is a pre-shared key that a Welcome may need.
type PSK struct {
	ID     string // psk_id, or psk_group_id/epoch for a resumption PSK; group and psk_id as text or hexadecimal
	Secret ciphersuite.Secret
}

// ErrPSK says that a PSK is not written as ID=HEX.
var ErrPSK = errors.New("a PSK is written ID=HEX")

// ParsePSK reads ID=HEX. The ID is the psk_id, as text or in hexadecimal; for a resumption PSK it is the group's ID, a
// slash and the epoch. It fails with ErrPSK.
func ParsePSK(s string) (PSK, error) {
	i := strings.LastIndexByte(s, '=')
	if i < 0 {
		return PSK{}, ErrPSK
	}
	secret, err := hex.DecodeString(s[i+1:])
	if err != nil || len(secret) == 0 {
		return PSK{}, ErrPSK // what stands after the sign is secret: not to be repeated
	}
	return PSK{ID: s[:i], Secret: ciphersuite.NewSecret(secret)}, nil
}

func (p *PSK) is(id *framing.PreSharedKeyID) bool {
	if id.PSKType == framing.PSKTypeExternal {
		return written(p.ID, id.PSKID)
	}
	group, epoch, ok := strings.Cut(p.ID, "/")
	return ok && epoch == strconv.FormatUint(uint64(id.PSKEpoch), 10) && written(group, id.PSKGroupID)
}

// written reports whether s is id as text or in hexadecimal.
func written(s string, id []byte) bool {
	fromHex, err := hex.DecodeString(s)
	return s == string(id) || err == nil && bytes.Equal(fromHex, id)
}

// open decrypts a Welcome for the holder of the init key, if there is one (RFC 9420, Section 12.4.3.1).
func (in *inspection) open(root *Node) error {
	welcomes := root.find("Welcome")
	if len(welcomes) == 0 {
		return nil
	}
	n := welcomes[0]
	if in.InitKey.IsZero() {
		n.note(Unchecked, "content", "encrypted; the private key of a KeyPackage that it is addressed to opens it")
		return nil
	}
	m, ok := decode[framing.Welcome](n)
	if !ok {
		return nil
	}
	suite := in.suite(n, m.CipherSuite)
	if suite == nil {
		return nil
	}
	key := fullScalar(suite, in.InitKey)
	defer key.Erase()
	initKey, err := suite.KeyPairOf(key)
	if err != nil {
		return fmt.Errorf("%w %s: %w", ErrInitKey, suite.Name, err)
	}
	secrets, err := in.groupSecrets(n, suite, m, initKey)
	if secrets == nil {
		return err
	}
	defer secrets.JoinerSecret.Erase()
	defer secrets.PathSecret.Erase()
	return in.welcomeInfo(n, suite, m, secrets)
}

// lastNIST is the highest of the KEM identifiers of the NIST curves (RFC 9180, Section 7.1).
const lastNIST = 0x0012

// fullScalar returns a copy of a private key with the leading zeros that some implementations leave out of the scalar of a
// NIST curve.
func fullScalar(suite *ciphersuite.Suite, key ciphersuite.Secret) ciphersuite.Secret {
	missing := max(0, suite.HPKEPrivateKeySize-key.Len())
	if suite.KEM > lastNIST {
		missing = 0
	}
	return ciphersuite.NewSecret(append(make([]byte, missing, missing+key.Len()), key.Bytes()...))
}

// cannotOpen notes the reason at the Welcome and makes it the report's problem.
func (in *inspection) cannotOpen(n *Node, about, reason string) {
	n.note(Fails, about, "%s", reason)
	in.fail(in.report.Parts[0], &Problem{Struct: n.Type, Section: n.Section, Offset: n.Offset, Reason: about + ": " + reason})
}

// groupSecrets tries all entries, since the private key alone does not tell which one is its own. It is nil when none
// opens.
func (in *inspection) groupSecrets(n *Node, suite *ciphersuite.Suite, m *framing.Welcome, initKey ciphersuite.KeyPair) (*framing.GroupSecrets, error) {
	for i := range m.Secrets {
		one := *m
		one.Secrets = m.Secrets[i : i+1]
		secrets, err := one.DecryptGroupSecrets(suite, m.Secrets[i].NewMember, initKey)
		if err != nil {
			continue
		}
		_, err = in.added(fmt.Sprintf("GroupSecrets decrypted from secrets[%d]", i), secrets)
		return secrets, err
	}
	in.cannotOpen(n, "group secrets", fmt.Sprintf("none of the %d entries opens with this private key", len(m.Secrets)))
	return nil, nil
}

func (in *inspection) welcomeInfo(n *Node, suite *ciphersuite.Suite, m *framing.Welcome, secrets *framing.GroupSecrets) error {
	psks := make([]keyschedule.PSK, len(secrets.PSKs))
	for i := range secrets.PSKs {
		psks[i].ID = secrets.PSKs[i]
		for k := range in.PSKs {
			if in.PSKs[k].is(&psks[i].ID) {
				psks[i].Secret = in.PSKs[k].Secret
			}
		}
		if psks[i].Secret.IsZero() {
			in.cannotOpen(n, "group info", "takes the PSK psks["+strconv.Itoa(i)+"], which was not given")
			return nil
		}
	}
	member, err := memberSecret(suite, secrets, psks)
	if err != nil {
		return err
	}
	defer member.Erase()
	welcomeSecret, err := member.WelcomeSecret()
	if err != nil {
		return err
	}
	defer welcomeSecret.Erase()
	info, err := m.DecryptGroupInfo(suite, welcomeSecret)
	if err != nil {
		in.cannotOpen(n, "group info", err.Error())
		return nil
	}
	p, err := in.added("GroupInfo decrypted from encrypted_group_info", info)
	if err != nil {
		return err
	}
	context, err := framing.Marshal(&info.GroupContext)
	if err != nil {
		return err
	}
	epoch, encryption, err := member.Epoch(context)
	if err != nil {
		return err
	}
	defer epoch.Erase()
	defer encryption.Erase()
	p.Root.judge("confirmation_tag", epoch.CheckConfirmationTag(info.GroupContext.ConfirmedTranscriptHash, info.ConfirmationTag))
	return nil
}

func memberSecret(suite *ciphersuite.Suite, secrets *framing.GroupSecrets, psks []keyschedule.PSK) (keyschedule.MemberSecret, error) {
	joiner, err := keyschedule.NewJoinerSecret(suite, secrets.JoinerSecret)
	if err != nil {
		return keyschedule.MemberSecret{}, err
	}
	pskSecret, err := keyschedule.PSKSecret(suite, psks)
	if err != nil {
		return keyschedule.MemberSecret{}, err
	}
	return joiner.Member(pskSecret)
}
