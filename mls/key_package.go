package mls

// RFC 9420, Section 10: Key Packages.

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// ExtensionTypeLastResort marks a KeyPackage that may be used more than once, when no other is left, by the text of
// draft-ietf-mls-extensions before -05. By the present one, framing.ComponentLastResortKeyPackage does.
const ExtensionTypeLastResort framing.ExtensionType = 0x000A

// LeafParams say what a client puts into the leaves that it makes.
type LeafParams struct {
	Credential framing.Credential
	Signer     crypto.Signer `json:"-" xml:"-"`
	// Capabilities besides those that Copse adds: the version, the cipher suite, and the credential's type. Default types
	// must not be listed (rule V-LN-10). To leave a group by a framing.SelfRemove, and to let others do, list
	// framing.ProposalTypeSelfRemove in Proposals.
	Capabilities framing.Capabilities
	// Extensions of the leaf.
	Extensions framing.Extensions
}

// Format prints all but the signer, which may be a private key.
func (c LeafParams) Format(f fmt.State, verb rune) {
	type plain LeafParams // without this method
	c.Signer = nil
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(c)) // fmt.State keeps errors of writing itself
}

// leaf returns a leaf of the client without encryption key, source and signature.
func (c *LeafParams) leaf(suite *ciphersuite.Suite) (framing.LeafNode, error) {
	key, err := suite.PublicKeyOf(c.Signer)
	if err != nil {
		return framing.LeafNode{}, err
	}
	own := c.Capabilities
	if err := checkOwnCapabilities(&own); err != nil {
		return framing.LeafNode{}, err
	}
	if err := checkCredentialGiven(&c.Credential); err != nil {
		return framing.LeafNode{}, err
	}
	own.Versions = including(own.Versions, framing.MLS10)
	own.CipherSuites = including(own.CipherSuites, suite.CipherSuite())
	own.Credentials = including(own.Credentials, c.Credential.Type)
	for _, x := range c.Extensions {
		if !x.Type.IsDefault() {
			own.Extensions = including(own.Extensions, x.Type)
		}
	}
	return framing.LeafNode{SignatureKey: key, Credential: c.Credential, Capabilities: own, Extensions: c.Extensions}, nil
}

// including returns list with x added, unless x is in it.
func including[T comparable](list []T, x T) []T {
	if slices.Contains(list, x) {
		return list
	}
	return append(slices.Clone(list), x)
}

// LifetimeFrom returns the lifetime from an hour before now, for clocks that are behind, until after now (RFC 9420,
// Section 7.2). Params.MaxLifetime counts that hour, too.
func LifetimeFrom(now time.Time, after time.Duration) framing.Lifetime {
	const slack = time.Hour
	return framing.Lifetime{
		NotBefore: uint64(max(now.Add(-slack).Unix(), 0)),
		NotAfter:  uint64(max(now.Add(after).Unix(), 0)),
	}
}

// KeyPackageParams say what a KeyPackage holds.
type KeyPackageParams struct {
	CipherSuite ciphersuite.CipherSuite
	Leaf        LeafParams
	Lifetime    framing.Lifetime
	Extensions  framing.Extensions // of the KeyPackage, not of its leaf
	// LastResort says whether it may serve more than one join. It is marked so in its app_data_dictionary, and the leaf says
	// that it knows that component (draft-ietf-mls-extensions, Last-Resort KeyPackages).
	LastResort bool
	// LegacyLastResort marks one of last resort with ExtensionTypeLastResort as well, for directories that look for that.
	LegacyLastResort bool
	Params           Params // for Suites
}

// OwnKeyPackage is a KeyPackage with its private keys. Publish KeyPackage, store the whole with Marshal, and delete it
// once a Welcome has used it up.
type OwnKeyPackage struct {
	KeyPackage *framing.KeyPackage
	InitKey    ciphersuite.Secret
	LeafKey    ciphersuite.Secret
}

// NewKeyPackage makes a KeyPackage by which others can add the client (RFC 9420, Section 10). It fails with a *RuleError or
// *SyntaxError when its capabilities, credential, extensions or lifetime are invalid.
func NewKeyPackage(p KeyPackageParams) (*OwnKeyPackage, error) {
	params := p.Params.withDefaults()
	suite, err := params.Suites(p.CipherSuite)
	if err != nil {
		return nil, err
	}
	own := new(OwnKeyPackage)
	if own.KeyPackage, err = p.unsigned(suite); err != nil {
		return nil, err
	}
	if err := own.complete(suite, params, p.Leaf.Signer); err != nil {
		own.Erase()
		return nil, err
	}
	return own, nil
}

// unsigned returns the KeyPackage without keys and signatures.
func (p *KeyPackageParams) unsigned(suite *ciphersuite.Suite) (*framing.KeyPackage, error) {
	extensions, client := p.Extensions, p.Leaf
	if p.LastResort {
		var err error
		if extensions, err = withComponent(extensions, framing.ComponentData{ID: framing.ComponentLastResortKeyPackage}); err != nil {
			return nil, err
		}
		if client.Extensions, err = supporting(client.Extensions, framing.ComponentLastResortKeyPackage); err != nil {
			return nil, err
		}
	}
	if p.LegacyLastResort && p.LastResort {
		extensions = append(slices.Clone(extensions), framing.Extension{Type: ExtensionTypeLastResort})
	}
	for _, x := range extensions {
		if !x.Type.IsDefault() {
			client.Capabilities.Extensions = including(client.Capabilities.Extensions, x.Type)
		}
	}
	leaf, err := client.leaf(suite)
	leaf.LeafNodeSource, leaf.Lifetime = framing.LeafNodeSourceKeyPackage, p.Lifetime
	return &framing.KeyPackage{Version: framing.MLS10, CipherSuite: p.CipherSuite, LeafNode: leaf, Extensions: extensions}, err
}

// withComponent returns extensions in whose app_data_dictionary a component has data.
func withComponent(list framing.Extensions, c framing.ComponentData) (framing.Extensions, error) {
	var d framing.AppDataDictionary
	found, err := list.Get(&d)
	if err != nil {
		return nil, err
	}
	d = d.With(c)
	x, err := framing.NewExtension(&d)
	if err != nil {
		return nil, err
	}
	out := slices.Clone(list)
	if !found {
		return append(out, x), nil
	}
	out[slices.IndexFunc(out, func(o framing.Extension) bool { return o.Type == x.Type })] = x
	return out, nil
}

// supporting returns a leaf's extensions which say that the client knows a component.
func supporting(list framing.Extensions, id framing.ComponentID) (framing.Extensions, error) {
	var d framing.AppDataDictionary
	if _, err := list.Get(&d); err != nil {
		return nil, err
	}
	var known framing.ComponentsList
	if data, found := d.Find(framing.ComponentAppComponents); found {
		if err := framing.Unmarshal(data, &known); err != nil {
			return nil, err
		}
	}
	known = including(known, id)
	data, err := framing.Marshal(&known)
	if err != nil {
		return nil, err
	}
	return withComponent(list, framing.ComponentData{ID: framing.ComponentAppComponents, Data: data})
}

// complete makes the keys, checks the KeyPackage as receivers do, and signs it.
func (k *OwnKeyPackage) complete(suite *ciphersuite.Suite, params *Params, by crypto.Signer) error {
	rand := params.rand
	initKey, err := suite.GenerateKeyPair(rand)
	if err != nil {
		return err
	}
	k.KeyPackage.InitKey, k.InitKey = initKey.Public, initKey.Private
	leafKey, err := suite.GenerateKeyPair(rand)
	if err != nil {
		return err
	}
	k.KeyPackage.LeafNode.EncryptionKey, k.LeafKey = leafKey.Public, leafKey.Private
	if err := checkOwnLifetime(k.KeyPackage.LeafNode.Lifetime, params.MaxLifetime); err != nil {
		return err
	}
	if err := params.limitKeyPackage(k.KeyPackage); err != nil {
		return err
	}
	if err := checkKeyPackage(suite, k.KeyPackage); err != nil {
		return err
	}
	if err := checkLastResort(k.KeyPackage); err != nil {
		return err
	}
	signing := framing.SignParams{Suite: suite, Rand: rand, Signer: by}
	if err := k.KeyPackage.LeafNode.Sign(signing, nil, framing.NoLeaf); err != nil {
		return err
	}
	if err := k.KeyPackage.Sign(signing); err != nil {
		return err
	}
	return params.limitKeyPackage(k.KeyPackage)
}

// Message returns the KeyPackage as an MLSMessage, for publishing.
func (k *OwnKeyPackage) Message() ([]byte, error) {
	return framing.Marshal(&framing.Message{Body: k.KeyPackage})
}

// LastResort reports whether the KeyPackage may serve more than one join: see IsLastResort.
func (k *OwnKeyPackage) LastResort() bool { return IsLastResort(k.KeyPackage) }

// IsLastResort reports whether a KeyPackage is marked as one of last resort, by the present text of
// draft-ietf-mls-extensions or by the older one.
func IsLastResort(k *framing.KeyPackage) bool {
	if _, marked := k.Extensions.Find(ExtensionTypeLastResort); marked {
		return true
	}
	var d framing.AppDataDictionary
	if found, err := k.Extensions.Get(&d); !found || err != nil {
		return false
	}
	_, marked := d.Find(framing.ComponentLastResortKeyPackage)
	return marked
}

// Erase overwrites the private keys.
func (k *OwnKeyPackage) Erase() {
	k.InitKey.Erase()
	k.LeafKey.Erase()
}

// keys returns the key pairs of the private keys, and checks that they are the KeyPackage's.
func (k *OwnKeyPackage) keys(suite *ciphersuite.Suite) (initKey, leafKey ciphersuite.KeyPair, err error) {
	initKey, leafKey, err = k.pairs(suite)
	if err == nil && (!bytes.Equal(initKey.Public, k.KeyPackage.InitKey) ||
		!bytes.Equal(leafKey.Public, k.KeyPackage.LeafNode.EncryptionKey)) {
		err = fmt.Errorf("mls: private keys do not belong to the KeyPackage")
	}
	return initKey, leafKey, err
}

func (k *OwnKeyPackage) pairs(suite *ciphersuite.Suite) (initKey, leafKey ciphersuite.KeyPair, err error) {
	if initKey, err = suite.KeyPairOf(k.InitKey); err != nil {
		return initKey, leafKey, fmt.Errorf("init key: %w", err)
	}
	if leafKey, err = suite.KeyPairOf(k.LeafKey); err != nil {
		return initKey, leafKey, fmt.Errorf("leaf key: %w", err)
	}
	return initKey, leafKey, nil
}

// checkCredentialGiven checks that a credential of the client's own is one: type 0 is reserved (RFC 9420, Section 17.5).
func checkCredentialGiven(c *framing.Credential) error {
	if c.Type == 0 {
		return fail("V-LN-06", framing.NoLeaf, "no Credential is given: nobody supports type 0, which is reserved")
	}
	return nil
}

// checkOwnCapabilities checks that the client's own capabilities list no default types (V-LN-10). Those that others list
// change nothing, as every client supports these types.
func checkOwnCapabilities(c *framing.Capabilities) error {
	for _, x := range c.Extensions {
		if x.IsDefault() {
			return fail("V-LN-10", framing.NoLeaf, "capabilities list the default extension type %v", x)
		}
	}
	for _, p := range c.Proposals {
		if p.IsDefault() {
			return fail("V-LN-10", framing.NoLeaf, "capabilities list the default proposal type %v", p)
		}
	}
	return nil
}
