package framing

// draft-ietf-mls-extensions, Application Data and Safe AAD: data of several components of an application beside each other.

import (
	"cmp"
	"slices"

	"github.com/copse-mls/copse/internal/wire"
)

// ComponentID names a component of an application (draft-ietf-mls-extensions, Component IDs). From 0x8000 up they are for
// private use.
type ComponentID uint16

// Components that draft-ietf-mls-extensions defines.
const (
	ComponentAppComponents        ComponentID = 1 // which components a client supports: a ComponentsList
	ComponentLastResortKeyPackage ComponentID = 4 // marks a KeyPackage that may be used more than once; its data is empty
)

// String returns the name in the draft, or the number in hexadecimal.
func (c ComponentID) String() string {
	return codeName(c, "app_components", "safe_aad", "content_media_types", "last_resort_key_package", "app_ack")
}

// ComponentData is what one component has in an AppDataDictionary or a SafeAAD.
type ComponentData struct {
	ID   ComponentID
	Data []byte
}

// AppDataDictionary is the data of the extension app_data_dictionary, in a group context, GroupInfo, leaf or KeyPackage: each
// component once, in ascending order.
type AppDataDictionary []ComponentData

// ComponentsList is the data of several components: a list of components.
type ComponentsList []ComponentID

// SafeAAD is authenticated data of a message in which several components have a part: each once, in ascending order.
type SafeAAD []ComponentData

// Find returns the data of a component, and whether there is any.
func (d AppDataDictionary) Find(id ComponentID) ([]byte, bool) { return findComponent(d, id) }

// With returns the dictionary with the data of one component added or replaced.
func (d AppDataDictionary) With(c ComponentData) AppDataDictionary { return withComponent(d, c) }

// Find returns the data of a component, and whether there is any.
func (a SafeAAD) Find(id ComponentID) ([]byte, bool) { return findComponent(a, id) }

// With returns the list with the data of one component added or replaced.
func (a SafeAAD) With(c ComponentData) SafeAAD { return withComponent(a, c) }

// searchComponent returns the place of a component in a list, or where it would be, and whether it is there.
func searchComponent(list []ComponentData, id ComponentID) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(c ComponentData, id ComponentID) int { return cmp.Compare(c.ID, id) })
}

func findComponent(list []ComponentData, id ComponentID) ([]byte, bool) {
	k, found := searchComponent(list, id)
	if !found {
		return nil, false
	}
	return list[k].Data, true
}

func withComponent(list []ComponentData, c ComponentData) []ComponentData {
	k, found := searchComponent(list, c.ID)
	end := k
	if found {
		end++
	}
	return slices.Concat(list[:k], []ComponentData{c}, list[end:])
}

// ExtensionType returns app_data_dictionary.
func (*AppDataDictionary) ExtensionType() ExtensionType { return ExtensionTypeAppDataDictionary }

func (*AppDataDictionary) structName() string      { return "AppDataDictionary" }
func (d *AppDataDictionary) encode(w *wire.Writer) { writeComponents(w, *d) }
func (d *AppDataDictionary) decode(r *wire.Reader) { *d = readComponents(r.Field("component_data")) }

func (*ComponentsList) structName() string      { return "ComponentsList" }
func (l *ComponentsList) encode(w *wire.Writer) { writeNumbers(w, 2, *l) }
func (l *ComponentsList) decode(r *wire.Reader) {
	*l = readNumbers[ComponentID](r.Field("component_ids"), 2)
}

func (*SafeAAD) structName() string      { return "SafeAAD" }
func (a *SafeAAD) encode(w *wire.Writer) { writeComponents(w, *a) }
func (a *SafeAAD) decode(r *wire.Reader) { *a = readComponents(r.Field("aad_items")) }

func (*ComponentData) structName() string { return "ComponentData" }

func (c *ComponentData) encode(w *wire.Writer) {
	w.Uint16(uint16(c.ID))
	w.Opaque(c.Data)
}

func (c *ComponentData) decode(r *wire.Reader) {
	c.ID = ComponentID(r.Field("component_id").Uint16())
	c.Data = r.Field("data").Opaque()
}

func writeComponents(w *wire.Writer, list []ComponentData) {
	if id, found := outOfOrder(list); found {
		w.Failf("component %v is out of order, or there twice", id)
	}
	writeList(w, list)
}

func readComponents(r *wire.Reader) []ComponentData {
	last := -1 // held apart, for a reader that skims keeps no list
	return readEvery(r, func(r *wire.Reader, into *ComponentData) {
		start := r.Offset()
		read(r, into)
		switch {
		case r.Err() != nil || r.Counts():
		case int(into.ID) <= last:
			r.FailAt(start, "component %v is out of order, or there twice", into.ID)
		default:
			last = int(into.ID)
		}
	})
}

// outOfOrder finds a component that does not stand above the one before it.
func outOfOrder(list []ComponentData) (ComponentID, bool) {
	for k := range list {
		if k > 0 && list[k].ID <= list[k-1].ID {
			return list[k].ID, true
		}
	}
	return 0, false
}

// AppDataUpdate changes the data that a component has in the group context (draft-ietf-mls-extensions, AppDataUpdate).
type AppDataUpdate struct {
	ID     ComponentID
	Remove bool   // whether the data goes away
	Update []byte // otherwise: what the component is to make of its data
}

// AppEphemeral gives data to a component with a commit, and changes nothing (draft-ietf-mls-extensions, AppEphemeral).
type AppEphemeral struct {
	ID   ComponentID
	Data []byte
}

// appDataOperation is the enumeration AppDataUpdateOperation.
type appDataOperation uint8

const (
	appDataSet    appDataOperation = 1
	appDataRemove appDataOperation = 2
)

func (p *AppDataUpdate) encode(w *wire.Writer) {
	w.Uint16(uint16(p.ID))
	if p.Remove {
		writeEnum(w, appDataRemove, appDataRemove)
		return
	}
	writeEnum(w, appDataRemove, appDataSet)
	w.Opaque(p.Update)
}

func (p *AppDataUpdate) decode(r *wire.Reader) {
	*p = AppDataUpdate{ID: ComponentID(r.Field("component_id").Uint16())}
	switch readEnum(r.Field("op"), appDataRemove) {
	case appDataSet:
		p.Update = r.Field("update").Opaque()
	case appDataRemove:
		p.Remove = true
	}
}

func (p *AppEphemeral) encode(w *wire.Writer) { (*ComponentData)(p).encode(w) }
func (p *AppEphemeral) decode(r *wire.Reader) { (*ComponentData)(p).decode(r) }
