// Package treekem has the ratchet tree of a group and the private keys that one member has in it (RFC 9420, Sections 4, 7
// and 12.4.3). A group begins with [New]; a newcomer calls [Import], which makes every check that RFC 9420 demands of a
// received tree. A [Tree] never changes: [Tree.Edit] begins the next one.
//
// To apply a Commit, apply its proposals in the order of RFC 9420, Section 12.3, and then its path, if it has one. With a
// path of one's own that is
//
//	edit := tree.Edit()
//	err := edit.Update(i, leaf) // each; then edit.Remove(i), then edit.Add(leaf)
//	path, err := edit.NewPath(params) // leave out without a path
//	next, err := edit.Tree() // the tree of the next epoch
//	update, err := path.Seal(rand, next, groupContext, added) // groupContext has next.Hash()
//
// and Path.PathSecret is for the Welcome of each member added, Path.PrivatePath and Path.CommitSecret are for the next
// epoch, Path.Erase is for the end. A receiver calls Edit.ApplyPath in place of Edit.NewPath, and PrivatePath.Decapsulate
// after Edit.Tree.
//
// For an external commit, sender and receivers alike call Edit.NextLeaf first, which finds the newcomer's leaf and
// extends the tree when it must. Without a path, or after others' proposals, PrivatePath.Prune drops keys of nodes
// that are blank now; PrivatePath.WithLeafKey puts in the key of one's own Update; PrivatePath.WithPathSecret is for a
// member that comes by a Welcome. [Tree.Blocks] and [RestoreTree] are for storage: a [BlockRecord] is what is stored.
// [Decode] and [Tree.Draw] are for tools.
//
// # What is shared, and what it costs
//
// A Tree is safe for concurrent use and shares with its descendants all that they have in common, so that keeping one,
// for a pending commit or a past epoch, costs what has changed since: some 9 kB a path in a group of 262,144. An
// Edit is for one goroutine; when a call on it fails, drop it and begin again from the Tree. Leaves and keys that a
// Tree returns alias it and must not be changed. Changing a path and all that follows from it is logarithmic in the
// size of the group, for the tree keeps its hashes, the sizes of all resolutions, an index of all keys, and counts of
// what members support.
//
// # Secrets
//
// Whoever a method says owns a ciphersuite.Secret or a private key erases it. PrivatePath values share the key pairs
// that stay the same from one epoch to the next; once the old epoch will not be needed any more, call EraseReplaced on the
// old value with the new one. Decapsulate erases the path secrets it meets; a Path's are erased by Path.Erase, after
// the Welcome is made. Trees hold nothing secret.
//
// # Errors
//
// What breaks a rule of RFC 9420 is a *framing.RuleError with the rule's name, and the leaf where there is one to
// blame; what is no encoding is a *framing.SyntaxError. Whatever a peer sends, nothing panics, and work and memory stay
// within a small multiple of the input, up to a factor logarithmic in it.
package treekem
