package framing

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// kinds makes one empty Value of every type with a codec. TestEveryTypeIsRegistered keeps it complete.
func kinds() []Value {
	return []Value{
		new(Extensions),
		new(Add), new(ApplicationID), new(Capabilities), new(Commit), new(Credential), &CustomProposal{Type: 0xf001},
		new(EncryptedGroupSecrets), new(Extension), new(ExternalInit), new(ExternalPub), new(ExternalSender),
		new(ExternalSenders), new(FramedContent), new(GroupContext), new(GroupContextExtensions), new(GroupInfo),
		new(GroupSecrets), new(KeyPackage), new(LeafNode), new(Lifetime), new(Message), new(Node), new(pskLabel),
		new(ParentNode), new(PreSharedKey), new(PreSharedKeyID), new(PrivateMessage), new(ProposalOrRef),
		new(PublicMessage), new(RatchetTree), new(ReInit), new(Remove), new(RequiredCapabilities), new(Sender),
		new(SenderData), new(UnverifiedContent), new(Update), new(UpdatePath), new(UpdatePathNode), new(Welcome),
		new(TaggedProposal), new(AppDataDictionary), new(SafeAAD), new(ComponentsList), new(ComponentData), new(AppDataUpdate),
		new(AppEphemeral), new(SelfRemove),
	}
}

// fresh returns an empty Value of the same kind.
func fresh(v Value) Value {
	if c, ok := v.(*CustomProposal); ok {
		return &CustomProposal{Type: c.Type}
	}
	return reflect.New(reflect.TypeOf(v).Elem()).Interface().(Value)
}

// TestEveryTypeIsRegistered finds every type with a codec in the source, so that no test over kinds can miss one.
func TestEveryTypeIsRegistered(t *testing.T) {
	registered := map[string]bool{}
	for _, v := range kinds() {
		registered[reflect.TypeOf(v).Elem().Name()] = true
	}
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), f.Name(), nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != "structName" {
				continue
			}
			name := fn.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
			require.True(t, registered[name], "%s is missing from kinds", name)
			found++
		}
	}
	require.Equal(t, len(registered), found)
}

// sampleOf generates values like v, with every variant, unknown code points and GREASE among them.
func sampleOf(v Value) *rapid.Generator[Value] {
	return rapid.Custom(func(t *rapid.T) Value {
		out := fresh(v)
		fill(t, reflect.ValueOf(out).Elem())
		return out
	})
}

// closed returns the last value of each closed enumeration. A wire format occurs as a field only where it frames content.
func closed(t reflect.Type) (uint64, bool) {
	last, ok := map[reflect.Type]uint64{
		reflect.TypeFor[ContentType]():        3,
		reflect.TypeFor[SenderType]():         4,
		reflect.TypeFor[LeafNodeSource]():     3,
		reflect.TypeFor[PSKType]():            2,
		reflect.TypeFor[ResumptionPSKUsage](): 3,
		reflect.TypeFor[WireFormat]():         2,
	}[t]
	return last, ok
}

func fill(t *rapid.T, v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *ciphersuite.Secret:
		*x = ciphersuite.NewSecret(rapid.SliceOfN(rapid.Byte(), 1, 9).Draw(t, "secret"))
		return
	case *Proposal:
		*x = drawProposal(t)
		return
	case *TaggedProposal:
		x.Proposal = drawProposal(t)
		return
	case *CustomProposal:
		x.Data = rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "data")
		return
	case *SelfRemove:
		rapid.Bool().Draw(t, "nothing") // for rapid wants to draw something
		return
	case *AppDataDictionary:
		*x = drawComponents(t)
		return
	case *SafeAAD:
		*x = drawComponents(t)
		return
	case *AppDataUpdate:
		if *x = (AppDataUpdate{ID: ComponentID(rapid.Uint16().Draw(t, "id")), Remove: rapid.Bool().Draw(t, "remove")}); !x.Remove {
			x.Update = rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "update")
		}
		return
	case *ProposalOrRef:
		if rapid.Bool().Draw(t, "by value") {
			x.Proposal = drawProposal(t)
		} else {
			x.Reference = rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "reference")
		}
		return
	case *Node:
		if rapid.Bool().Draw(t, "leaf") {
			x.LeafNode = new(LeafNode)
			fill(t, reflect.ValueOf(x.LeafNode).Elem())
		} else {
			x.ParentNode = new(ParentNode)
			fill(t, reflect.ValueOf(x.ParentNode).Elem())
		}
		return
	case *Credential:
		fillByKind(t, v)
		x.Type = rapid.SampledFrom([]CredentialType{CredentialTypeBasic, CredentialTypeX509, x.Type}).Draw(t, "credential")
		return
	case *RatchetTree:
		nodes := make([]*Node, rapid.IntRange(0, 4).Draw(t, "nodes"))
		fill(t, reflect.ValueOf(&nodes).Elem())
		*x = *RatchetTree{}.With(nodes)
		return
	case *Add:
		x.KeyPackage = new(KeyPackage)
		fill(t, reflect.ValueOf(x.KeyPackage).Elem())
		return
	case *MessageBody:
		bodies := []MessageBody{new(PublicMessage), new(PrivateMessage), new(Welcome), new(GroupInfo), new(KeyPackage)}
		*x = rapid.SampledFrom(bodies).Draw(t, "body")
		fill(t, reflect.ValueOf(*x).Elem())
		if k, ok := (*x).(*KeyPackage); ok {
			k.Version = MLS10 // or no message carries it
		}
		return
	case *FramedContent:
		x.Commit = new(Commit) // what the content type does not select is not encoded
		fill(t, reflect.ValueOf(x.Commit).Elem())
		x.Proposal = drawProposal(t)
		for _, field := range []any{&x.GroupID, &x.Epoch, &x.Sender, &x.AuthenticatedData, &x.ContentType, &x.ApplicationData} {
			fill(t, reflect.ValueOf(field).Elem())
		}
		return
	}
	fillByKind(t, v)
}

func fillByKind(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "present") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(t, v.Index(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "opaque"))
			return
		}
		n := rapid.IntRange(0, 3).Draw(t, "length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i))
		}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if last, ok := closed(v.Type()); ok {
			v.SetUint(rapid.Uint64Range(1, last).Draw(t, "enum"))
			return
		}
		n := rapid.OneOf(rapid.Uint64Range(0, 8), rapid.Just(uint64(0x0a0a)), rapid.Uint64()).Draw(t, "number")
		v.SetUint(n & (1<<v.Type().Bits() - 1))
	default:
		panic(fmt.Sprintf("no way to fill %v", v.Type()))
	}
}

func drawComponents(t *rapid.T) (out []ComponentData) {
	for _, id := range rapid.SliceOfNDistinct(rapid.Uint16(), 0, 3, rapid.ID).Draw(t, "components") {
		out = withComponent(out, ComponentData{ComponentID(id), rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "data")})
	}
	return out
}

func drawProposal(t *rapid.T) Proposal {
	custom := ProposalType(rapid.Uint16Range(11, 0xffff).Draw(t, "custom type"))
	p := newProposal(wire.NewReader("Proposal", nil), rapid.SampledFrom([]ProposalType{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 0x0a0a, custom}).Draw(t, "type"))
	fill(t, reflect.ValueOf(p).Elem())
	return p
}
