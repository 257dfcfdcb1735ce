package mls_test

import (
	"encoding/binary"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls/mlstest"
)

// tape is the input of a fuzz target, on which everything depends. Beyond its end it reads zero: the empty tape is an honest
// run.
type tape struct{ rest []byte }

func (t *tape) byte() int { return int(t.take(1)[0]) }

func (t *tape) word() int { return int(binary.BigEndian.Uint16(t.take(2))) }

func (t *tape) take(n int) []byte {
	out := make([]byte, n)
	t.rest = t.rest[copy(out, t.rest):]
	return out
}

// flagSet are flags.
type flagSet int

func (b flagSet) has(i int) bool { return b>>i&1 == 1 }

// reach runs random tapes, and then checks what was seen in them. The race detector makes each run slow, and
// gets only a few, without that check.
func reach(runs int, run func(random *rand.Rand), check func()) {
	if raceDetector {
		runs /= 10
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range runs {
		run(random)
	}
	if !raceDetector {
		check()
	}
}

func randomBytes(random *rand.Rand, n int) []byte {
	out := make([]byte, n)
	for k := range out {
		out[k] = byte(random.Uint32())
	}
	return out
}

// fewFlags sets one flag or two.
func fewFlags(random *rand.Rand) uint16 {
	flags := uint16(1) << random.IntN(16)
	return flags | 1<<random.IntN(16)
}

// mutation is a change of one place in one structure that passes a point of the work of the misbehaving client.
type mutation struct{ point, site, op, arg int }

// mutator makes the changes that a tape asks for.
type mutator struct {
	list []mutation
	bank *bank
}

// mutator reads up to three mutations.
func (t *tape) mutator(b *bank) *mutator {
	m := &mutator{bank: b}
	for range t.byte() % 4 {
		m.list = append(m.list, mutation{t.byte(), t.word(), t.byte(), t.byte()})
	}
	return m
}

// points are where mutations happen.
const (
	pointProposals = iota
	pointPath
	pointKeys
	pointLeaf
	pointSignedLeaf
	pointTree
	pointFinalTree
	pointProvisional
	pointNext
	pointCommit
	pointContent
	pointAuth
	pointTag
	pointPublic
	pointPrivate
	pointSender
	pointPlain
	pointMessage
	pointInfo
	pointSignedInfo
	pointInfoPlain
	pointSecrets
	pointSecretsPlain
	pointWelcome
	points
)

// at changes what v points to, if a mutation is meant for the point.
func (m *mutator) at(point int, v any) {
	for _, x := range m.list {
		if x.point%points == point {
			m.change(v, x)
		}
	}
}

// only reports whether all mutations are meant for certain points.
func (m *mutator) only(at []int) bool {
	return !slices.ContainsFunc(m.list, func(x mutation) bool { return !slices.Contains(at, x.point%points) })
}

// bytes does what at does, for bytes that have no structure.
func (m *mutator) bytes(point int, b []byte) []byte {
	m.at(point, &b)
	return b
}

// change makes one change. What v points to is copied first: it may share memory with what others hold.
func (m *mutator) change(v any, x mutation) {
	root := reflect.ValueOf(v).Elem()
	root.Set(copied(root))
	var sites []reflect.Value
	m.bank.sites(root, &sites)
	if len(sites) == 0 {
		return
	}
	m.bank.mutate(sites[x.site%len(sites)], x.op, x.arg)
}

var (
	secretType   = reflect.TypeFor[ciphersuite.Secret]()
	proposalType = reflect.TypeFor[framing.Proposal]()
)

// copied returns a deep copy, as far as exported fields reach.
func copied(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	out.Set(v)
	switch v.Kind() {
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			reflect.Copy(out, v)
		}
		if v.Type().Elem().Kind() != reflect.Uint8 {
			for i := range v.Len() {
				out.Index(i).Set(copied(v.Index(i)))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(copied(v.Field(i)))
			}
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() || v.Kind() == reflect.Interface && !v.Type().Implements(proposalType) {
			break
		}
		if v.Kind() == reflect.Interface {
			out.Set(copied(v.Elem()))
		} else if v.Elem().Kind() == reflect.Struct {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(copied(v.Elem()))
		}
	}
	return out
}

// bank holds valid values, for replacing others of their type.
type bank struct {
	values  map[reflect.Type][]reflect.Value
	strings [][]byte
}

// keep puts what v points to, and everything in it, into the bank.
func (b *bank) keep(v any) {
	if b.values == nil {
		b.values = map[reflect.Type][]reflect.Value{}
	}
	var sites []reflect.Value
	b.sites(reflect.ValueOf(v).Elem(), &sites)
	for _, s := range sites {
		switch s.Kind() {
		case reflect.Slice:
			if s.Type().Elem().Kind() == reflect.Uint8 {
				b.keepBytes(s.Bytes())
				continue
			}
		case reflect.Interface, reflect.Struct:
		default:
			continue
		}
		if list := b.values[s.Type()]; len(list) < 64 {
			b.values[s.Type()] = append(list, copied(s))
		}
	}
}

func (b *bank) keepBytes(s []byte) {
	if len(s) > 0 && !slices.ContainsFunc(b.strings, func(x []byte) bool { return string(x) == string(s) }) {
		b.strings = append(b.strings, slices.Clone(s))
	}
}

// sites lists what can be changed in v: numbers, bytes, lists, pointers, proposals and structures.
func (b *bank) sites(v reflect.Value, out *[]reflect.Value) {
	switch v.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Int:
		*out = append(*out, v)
	case reflect.Array:
		for i := range v.Len() {
			b.sites(v.Index(i), out)
		}
	case reflect.Slice:
		*out = append(*out, v)
		if k := v.Type().Elem().Kind(); k == reflect.Uint8 {
			return
		}
		for i := range v.Len() {
			b.sites(v.Index(i), out)
		}
	case reflect.Pointer:
		if v.Type().Elem().Kind() != reflect.Struct {
			return
		}
		if v.CanSet() {
			*out = append(*out, v)
		}
		if !v.IsNil() {
			b.sites(v.Elem(), out)
		}
	case reflect.Interface:
		if !v.IsNil() && v.Type().Implements(proposalType) {
			*out = append(*out, v)
			b.sites(v.Elem(), out)
		}
	case reflect.Struct:
		*out = append(*out, v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && v.Type() != secretType {
				b.sites(v.Field(i), out)
			}
		}
	}
}

func (b *bank) mutate(v reflect.Value, op, arg int) {
	switch v.Kind() {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(number(v.Uint(), op, arg))
	case reflect.Int:
		v.SetInt(int64(arg))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(b.octets(v.Bytes(), op, arg))
		} else {
			b.list(v, op, arg)
		}
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
			b.replace(v.Elem(), arg)
		} else if op%2 == 0 {
			v.SetZero()
		} else {
			b.replace(v.Elem(), arg)
		}
	case reflect.Interface, reflect.Struct:
		if s, ok := v.Interface().(ciphersuite.Secret); ok {
			v.Set(reflect.ValueOf(ciphersuite.NewSecret(b.octets(s.Bytes(), op, arg))))
		} else {
			b.replace(v, arg)
		}
	}
}

// replace puts another of the same type in the place of v.
func (b *bank) replace(v reflect.Value, arg int) {
	if list := b.values[v.Type()]; len(list) > 0 {
		v.Set(copied(list[arg%len(list)]))
	}
}

func number(x uint64, op, arg int) uint64 {
	few := []uint64{0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 255, 256, 0xf001, 0xf002, 1<<16 - 1, 1<<31 - 1, 1 << 31, 1<<32 - 2, 1<<32 - 1, 1<<64 - 1}
	switch op % 4 {
	case 0:
		return x + 1
	case 1:
		return x - 1
	case 2:
		return few[arg%len(few)]
	}
	return x ^ 1<<(arg%64)
}

// octets changes bytes, into new memory.
func (b *bank) octets(s []byte, op, arg int) []byte {
	out := slices.Clone(s)
	switch op % 8 {
	case 0:
		if len(out) > 0 {
			out[arg%len(out)] ^= 1 << (op / 8 % 8)
			return out
		}
		return []byte{byte(arg)}
	case 1:
		return nil
	case 2:
		return out[:len(out)*arg/256]
	case 3:
		return append(out, byte(arg))
	case 4, 5:
		if len(b.strings) > 0 {
			return slices.Clone(b.strings[(arg+256*(op/8))%len(b.strings)])
		}
	case 6:
		return make([]byte, len(out))
	case 7:
		return append(out[:max(len(out)-1, 0)], byte(arg))
	}
	return out
}

// list changes a list by one element or two.
func (b *bank) list(v reflect.Value, op, arg int) {
	n := v.Len()
	if n == 0 || op%6 == 0 {
		element := reflect.New(v.Type().Elem()).Elem()
		if k := element.Kind(); k >= reflect.Uint8 && k <= reflect.Uint64 {
			element.SetUint(number(0, 2, arg))
		}
		b.replace(element, arg)
		v.Set(reflect.Append(v, element))
		return
	}
	i, j := arg%n, arg/n%n
	switch op % 6 {
	case 1:
		v.Set(reflect.AppendSlice(v.Slice(0, i), v.Slice(i+1, n)))
	case 2:
		v.Set(reflect.Append(v, copied(v.Index(i))))
	case 3:
		x, y := copied(v.Index(i)), copied(v.Index(j))
		v.Index(i).Set(y)
		v.Index(j).Set(x)
	case 4:
		v.Index(i).Set(copied(v.Index(j)))
	case 5:
		v.Set(v.Slice(0, i))
	}
}

// clumsy is the TB of a misbehaving client that may be told to do what is impossible.
type clumsy struct{}

type stumble struct{}

func (clumsy) Helper()               {}
func (clumsy) Fatalf(string, ...any) { panic(stumble{}) }

// attempted runs work of the misbehaving client. It returns false when the client cannot do what it was told to do, which
// says nothing about the engine. A panic of the engine is not recovered.
func attempted(work func(t mlstest.TB)) (ok bool) {
	defer func() {
		if ok {
			return
		}
		x := recover()
		if _, told := x.(stumble); !told && !ownPanic() {
			panic(x)
		}
	}()
	work(clumsy{})
	return true
}

// ownPanic reports whether the function of this module that panicked is one of the misbehaving client's.
func ownPanic() bool {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	panicked := false
	for {
		f, more := frames.Next()
		switch {
		case f.Function == "runtime.gopanic":
			panicked = true
		case panicked && strings.Contains(f.Function, "copse-mls/copse/"):
			return strings.Contains(f.Function, "mls/mlstest.") || strings.Contains(f.Function, "treekem/treekemtest.") ||
				strings.Contains(f.Function, "copse/mls_test.")
		}
		if !more {
			return false
		}
	}
}
