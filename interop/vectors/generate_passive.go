package vectors

// planPassiveWelcome: with and without a PSK, the tree in the Welcome and beside it, a path and none.
func planPassiveWelcome(e extent) []func(*maker) *passiveClient {
	var list []func(*maker) *passiveClient
	for i := range 8 {
		psk, omitTree, path := i&1 != 0, i&2 != 0, i&4 != 0
		if e.small && path != (psk == omitTree) {
			continue // half of them: each pair of choices still occurs
		}
		list = append(list, func(m *maker) *passiveClient {
			r := round{invite: true, path: path, omitTree: omitTree}
			if psk {
				r.byValue = []change{changePSK}
			}
			s := m.quiet(e, 2+m.number(6), r)
			return s.record
		})
	}
	return list
}

// quiet makes a group that the passive client has joined in the round r.
func (m *maker) quiet(e extent, members int, r round) *scene {
	if e.small {
		members = 2
	}
	s := m.scene(members)
	s.play(r)
	return s
}

// planPassiveHandling lists a case for each change, by value and by reference, then for changes together, and for
// newcomers who join by themselves. In a small set each suite has its share of them.
func planPassiveHandling(e extent) []func(*maker) *passiveClient {
	everything := []change{changeAdd, changeUpdate, changeRemove, changePSK, changeExtensions}
	rounds := []round{{path: true}, {rotate: true}}
	for _, c := range []change{changeAdd, changeRemove, changePSK, changeResumption, changeExtensions, changeReInit} {
		rounds = append(rounds, round{byValue: []change{c}}, round{byReference: []change{c}})
	}
	rounds = append(rounds, round{byReference: []change{changeUpdate}}, round{byReference: everything},
		round{byReference: []change{changeUpdate, changeResumption}, byValue: []change{changeRemove, changeResumption}, path: true})
	var list []func(*maker) *passiveClient
	for _, r := range rounds {
		list = append(list, func(m *maker) *passiveClient { return m.handling(e, func(s *scene) { s.play(r) }) })
	}
	for i := range 4 {
		list = append(list, func(m *maker) *passiveClient {
			return m.handling(e, func(s *scene) { s.external(i&1 != 0, i&2 != 0) })
		})
	}
	if !e.small {
		return list
	}
	var share []func(*maker) *passiveClient
	for i := int(e.suite) % 4; i < len(list); i += 4 {
		share = append(share, list[i])
	}
	return share
}

// handling makes a case in which one thing happens, and something else before and after it unless the case is to be
// small.
func (m *maker) handling(e extent, happens func(*scene)) *passiveClient {
	s := &scene{maker: m, mixed: true}
	s.begin(3)
	s.play(round{invite: true})
	if !e.small {
		s.play(round{path: true})
	}
	happens(s)
	if !e.small && !s.over() {
		s.play(round{path: true})
	}
	return s.record
}

// over reports whether the group was reinitialized.
func (s *scene) over() bool { return s.passive.group.Status() != 0 }

// planPassiveRandom lists one case: a group with a long history.
func planPassiveRandom(e extent) []func(*maker) *passiveClient {
	epochs := 80
	if e.small {
		epochs = 3
	}
	return forEach(makePassiveRandom, epochs)
}

// makePassiveRandom begins with one round for everything that can happen, goes on with random rounds, and ends with a
// ReInit. The format cannot express how a client goes on to the successor or into a branch: a case begins with a
// Welcome to a client that was in no group before.
func makePassiveRandom(m *maker, epochs int) *passiveClient {
	s := &scene{maker: m, mixed: true}
	s.begin(4)
	s.play(round{byReference: []change{changeExtensions}, byValue: []change{changePSK}})
	s.play(round{invite: true, byValue: []change{changeAdd, changePSK}, path: true, omitTree: m.oneIn(2)})
	for _, r := range []round{
		{byReference: []change{changeUpdate, changePSK, changeResumption}, byValue: []change{changePSK, changeResumption}},
		{byReference: []change{changeAdd, changeAdd, changeAdd}, byValue: []change{changeRemove, changeExtensions}},
		{byReference: []change{changeRemove, changeExtensions}, rotate: true},
		{byReference: []change{changeUpdate, changePSK}, byValue: []change{changeAdd}, path: true},
	} {
		s.play(r)
	}
	s.external(false, true)
	s.external(true, false)
	for range epochs {
		s.byChance()
	}
	end := round{byValue: []change{changeReInit}}
	if m.oneIn(2) {
		end = round{byReference: []change{changeReInit}}
	}
	s.play(end)
	return s.record
}

// byChance plays a random round. Groups that have grown large shrink, and small ones grow.
func (s *scene) byChance() {
	switch {
	case len(s.members) < 4:
		s.play(round{byValue: []change{changeAdd, changeAdd}, omitTree: s.oneIn(2)})
		return
	case len(s.members) > 10:
		s.play(round{byReference: []change{changeRemove, changeRemove}, byValue: []change{changeRemove}})
		return
	case s.oneIn(8):
		s.external(s.oneIn(2), s.oneIn(2))
		return
	}
	r := round{path: s.oneIn(3), rotate: s.oneIn(6), omitTree: s.oneIn(2)}
	extensions := false
	for range s.number(5) {
		c := change(s.number(int(changeReInit)))
		if c == changeExtensions && extensions {
			continue
		}
		extensions = extensions || c == changeExtensions
		if c == changeUpdate || s.oneIn(2) {
			r.byReference = append(r.byReference, c)
		} else {
			r.byValue = append(r.byValue, c)
		}
	}
	s.play(r)
}
