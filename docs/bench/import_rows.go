package main

// The rows about receiving a large tree on joining.

import (
	"bytes"
	"context"
	"fmt"
	"runtime"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

const joinedTree = 50_000

func importRows() []Row {
	return []Row{
		{
			Name:  "heap-per-member",
			What:  "an imported full tree of 50,000 leaves with everything cached: heap per member",
			Limit: 450, Unit: "B", Noise: noiseOfSizes, Measure: measureHeapPerMember,
		},
		{
			Name:  "import",
			What:  "Import of a full tree of 50,000 leaves, all checks: against its signature verifications in one VerifyBatch",
			Limit: 1.60, Unit: "x", Noise: noiseOfTimes, Measure: measureImport,
		},
	}
}

func importTree(e *Env, f *treekemtest.Fixture, data []byte) (*treekem.Tree, error) {
	return treekem.Import(treekem.ImportParams{Suite: e.suite, RatchetTree: data, GroupContext: f.Context})
}

// measureHeapPerMember imports from a copy that is free to be collected afterwards: where the tree refers to its input,
// that counts.
func measureHeapPerMember(ctx context.Context, e *Env) (float64, string, error) {
	f, err := e.full(ctx, joinedTree)
	if err != nil {
		return 0, "", err
	}
	e.progress.show("importing")
	before := heap()
	tree, err := importTree(e, f, bytes.Clone(f.RatchetTree))
	if err != nil {
		return 0, "", err
	}
	if !bytes.Equal(tree.Hash(), f.Tree.Hash()) || tree.Members() != joinedTree {
		return 0, "", fmt.Errorf("the tree of %d members imported is not the one exported", tree.Members())
	}
	size := heap() - before
	runtime.KeepAlive(tree)
	return float64(size) / joinedTree, fmt.Sprintf("%.1f MB in all, of %d B a member on the wire",
		float64(size)/1e6, len(f.RatchetTree)/joinedTree), nil
}

func measureImport(ctx context.Context, e *Env) (float64, string, error) {
	f, err := e.full(ctx, joinedTree)
	if err != nil {
		return 0, "", err
	}
	items, err := leafSignatures(f)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{
		each: "a member",
		numerator: work{times: joinedTree, run: func() error {
			_, err := importTree(e, f, f.RatchetTree)
			return err
		}},
		denominator: work{times: joinedTree, run: func() error { return e.suite.VerifyBatch(items) }},
	})
}

// leafSignatures returns the signature of every leaf with what it signs.
func leafSignatures(f *treekemtest.Fixture) ([]ciphersuite.SignedMessage, error) {
	items := make([]ciphersuite.SignedMessage, 0, joinedTree)
	for i, leaf := range f.Tree.Leaves() {
		item, err := leaf.SignedMessage(f.Context.GroupID, i)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}
