package game

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wye-org/wye/cmd/wye/game/arena"
	"github.com/wye-org/wye/cmd/wye/game/codec"
	"github.com/wye-org/wye/internal/needs"
)

// The page's modules by Go's numbers: what comes out of a script that gets JSON
// on its standard input.
func runPage(t *testing.T, script string, in, out any) {
	t.Helper()
	node := needs.Program(t, "node", "nodejs")
	dir := t.TempDir()
	modules, err := filepath.Glob("../site/assets/game-*.js")
	if err != nil || len(modules) == 0 {
		t.Fatalf("no modules: %v", err)
	}
	files := map[string]string{"package.json": `{"type": "module"}`, "script.js": script}
	for _, name := range modules {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = string(text)
	}
	input, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	files["in.json"] = string(input)
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(node, "script.js")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
}

// jsBody is a body as the page has it.
type jsBody struct{ X, Y, VX, VY, Face, Dash, Cool, Stun int32 }

// walk is a body with inputs, each with the state that it leads to.
type walk struct {
	Slot   uint8
	Body   jsBody
	Tiles  []int
	Inputs []int
	Bodies []jsBody `json:",omitempty"` // after each input
	After  []int    `json:",omitempty"` // the tiles
}

// The page's prediction is what the server will say, to the last unit.
func TestThePageMovesAsTheServer(t *testing.T) {
	var walks, bare []walk
	for seed := range uint32(40) {
		w := makeWalk(seed*2654435761 + 1)
		walks = append(walks, w)
		w.Bodies, w.After = nil, nil
		bare = append(bare, w)
	}
	var got []walk
	runPage(t, `
		import { readFileSync } from "node:fs";
		import { move } from "./game-arena.js";
		const walks = JSON.parse(readFileSync("in.json"));
		console.log(JSON.stringify(walks.map(({ Slot, Body, Tiles, Inputs }) => {
			const body = Object.fromEntries(Object.entries(Body).map(([name, v]) => [name.toLowerCase(), v]));
			const tiles = Uint8Array.from(Tiles);
			const Bodies = Inputs.map((input) => { move(body, input, Slot, tiles); return { ...body }; });
			return { Slot, Body, Tiles, Inputs, Bodies, After: [...tiles] };
		})));
	`, bare, &got)
	if len(got) != len(walks) {
		t.Fatalf("%d walks came back", len(got))
	}
	for i := range walks {
		for k := range walks[i].Bodies {
			if walks[i].Bodies[k] != got[i].Bodies[k] {
				t.Fatalf("walk %d, input %d (%#x): the server has %+v, the page %+v", i, k, walks[i].Inputs[k], walks[i].Bodies[k], got[i].Bodies[k])
			}
		}
		for k := range walks[i].After {
			if walks[i].After[k] != got[i].After[k] {
				t.Fatalf("walk %d, tile %d: the server has %d, the page %d", i, k, walks[i].After[k], got[i].After[k])
			}
		}
	}
}

// makeWalk goes through everything that a body does: turns, walls, dashes, being
// thrown, floors of each kind.
func makeWalk(chance uint32) walk {
	next := func(n uint32) int {
		chance = chance*1664525 + 1013904223
		return int(chance >> 8 % 65536 % n)
	}
	w := walk{Slot: uint8(1 + next(arena.Slots))}
	var tiles arena.Tiles
	for i := range tiles {
		tiles[i] = uint8(next(arena.Slots + 1))
		w.Tiles = append(w.Tiles, int(tiles[i]))
	}
	b := arena.Body{X: int32(next(arena.Extent)), Y: int32(next(arena.Extent)), VX: int32(next(1400) - 700), VY: int32(next(1400) - 700), Stun: int32(next(2) * next(20))}
	w.Body = jsBody(b)
	in := 0
	for range 300 {
		if next(6) == 0 {
			in = next(arena.Directions + 1)
		}
		input := in
		if next(25) == 0 {
			input |= int(arena.Dash)
		}
		w.Inputs = append(w.Inputs, input)
		arena.Move(&b, arena.Input(input), w.Slot, &tiles)
		w.Bodies = append(w.Bodies, jsBody(b))
	}
	for _, slot := range tiles {
		w.After = append(w.After, int(slot))
	}
	return w
}

// The page reads what the server writes, and the other way round.
func TestThePageReadsTheFormat(t *testing.T) {
	const ada, first = 0x9fff1234, 0x80000001 // numbers of 32 bits, whose changes are too
	w := arena.New(11)
	w.Join(ada, "Ada \u263a")
	frames := [][]byte{codec.AppendHello(nil, codec.Hello{Version: codec.Version, Member: ada})}
	states := []*arena.State{}
	base := (*arena.State)(nil)
	for i := range 2500 { // more than a round
		w.Hear(ada, first+uint32(i), []arena.Input{arena.Input(1 + i/9%arena.Directions)})
		w.Step()
		if i%7 == 3 {
			continue // a state that was left out
		}
		s := w.State()
		if base == nil {
			frames = append(frames, codec.AppendSnapshot(nil, s))
		} else {
			frames = append(frames, codec.AppendDelta(nil, base, s))
		}
		base = s
		states = append(states, s)
	}
	frames = append(frames, codec.AppendRefusal(nil, "no, \u263a"))

	type player struct {
		Kind, Wins  int32
		Member, Ack uint32
		Name        string
		Body        jsBody
	}
	var got struct {
		Version int
		Member  uint32
		Text    string
		States  []struct {
			Tick                       uint32
			Round, Phase, Left, Winner int32
			Cans                       []int32
			Players                    []player
			Tiles                      string
		}
		Up     [][]byte
		Threw  []string
		Frozen bool
	}
	runPage(t, `
		import { readFileSync } from "node:fs";
		import { inputs, join, leave, nothing, read } from "./game-codec.js";
		const messages = JSON.parse(readFileSync("in.json")).map((text) => new Uint8Array(Buffer.from(text, "base64")).buffer);
		const base64 = (view) => Buffer.from(view.buffer ?? view).toString("base64");
		const out = { States: [], Threw: [], Frozen: true };
		let state = nothing();
		for (const message of messages) {
			const before = JSON.stringify({ ...state, tiles: [...state.tiles] });
			const m = read(message, state);
			out.Frozen &&= before === JSON.stringify({ ...state, tiles: [...state.tiles] });
			if (m.type === "hello") Object.assign(out, { Version: m.version, Member: m.member });
			if (m.type === "refusal") out.Text = m.text;
			if (m.type !== "state") continue;
			state = m.state;
			out.States.push({ ...state, tiles: [...state.tiles].join("") });
		}
		const delta = [...new Uint8Array(messages[2])], snapshot = [...new Uint8Array(messages[1])];
		for (const bad of [[], [9], [2, 0], delta, delta.slice(0, 12), [...snapshot, 0], snapshot.slice(0, -1), [2, 1, 0, 0, 0, 0, 0, 0xc1, 4, 0, 1, 0], [2, 1, 0, 0, 0, 1, 255, 255, 255, 255, 255, 1, 0, 0], [2, 1, 0, 0, 0, 1, 255, 255, 255, 255, 31, 0, 0]]) {
			try { read(Uint8Array.from(bad).buffer, nothing()); out.Threw.push(""); } catch (e) { out.Threw.push(e.message); }
		}
		out.Up = [join("Ada \u263a"), leave(), inputs(0xfffffffe, 7, [0x81, 32]), inputs(5, 0, [])].map(base64);
		console.log(JSON.stringify(out));
	`, frames, &got)

	if got.Version != codec.Version || got.Member != ada || got.Text != "no, \u263a" || !got.Frozen {
		t.Errorf("read as %+v, %d, %q, frozen %v", got.Version, got.Member, got.Text, got.Frozen)
	}
	if len(got.States) != len(states) {
		t.Fatalf("%d states of %d", len(got.States), len(states))
	}
	for i, s := range states {
		g := got.States[i]
		head := arena.Head{Round: g.Round, Phase: arena.Phase(g.Phase), Left: g.Left, Winner: g.Winner, Cans: [arena.Cans]int32(g.Cans)}
		read := arena.State{Tick: g.Tick, Head: head}
		for k, p := range g.Players {
			read.Players[k] = arena.Player{Kind: arena.Kind(p.Kind), Member: p.Member, Name: p.Name, Ack: p.Ack, Wins: p.Wins, Body: arena.Body(p.Body)}
		}
		for k := range g.Tiles {
			read.Tiles[k] = g.Tiles[k] - '0'
		}
		if read != *s {
			t.Fatalf("state %d was\n%+v, is read as\n%+v", i, s, read)
		}
	}
	for i, text := range got.Threw {
		if text == "" {
			t.Errorf("the hostile message %d was read", i)
		}
	}
	want := []codec.Up{
		codec.Join{Name: "Ada \u263a"}, codec.Leave{},
		codec.Inputs{Seen: 0xfffffffe, First: 7, N: 2, In: [codec.MaxInputs]arena.Input{1 | arena.Dash, 32}}, codec.Inputs{Seen: 5},
	}
	for i, p := range got.Up {
		if m, err := codec.ParseUp(p); err != nil || m != want[i] {
			t.Errorf("the page's message %x is %+v, %v; want %+v", p, m, err, want[i])
		}
	}
}

// Prediction with a delay: after each state that comes, the page is where it was
// anyway, because the server does what the page did.
func TestPredictionNeedsNoCorrection(t *testing.T) {
	const member, late = 5, 6 // ticks to the server, and as many back
	w := arena.New(21)
	w.Join(member, "Ada")
	type event struct {
		Message []byte // from the server; nil: none
		Input   int    // what the player wants
	}
	var events []event
	var base *arena.State
	var inputs []int
	var frames [][]byte
	for i := range 600 {
		in := 1 + i/11%arena.Directions
		if i%90 == 50 {
			in |= int(arena.Dash)
		}
		inputs = append(inputs, in)
		// The page plays from the first state that it got.
		if sent := i - late; sent >= late {
			w.Hear(member, uint32(sent-late+1), []arena.Input{arena.Input(inputs[sent])})
		}
		if i == 3 { // in the place of bots, who would come and hit
			for n := range uint32(arena.Company - 1) {
				w.Join(100+n, "x")
			}
			for n := range uint32(arena.Company - 1) {
				w.Hear(100+n, 1, []arena.Input{0})
			}
		}
		w.Step()
		s := w.State()
		if base == nil {
			frames = append(frames, codec.AppendSnapshot(nil, s))
		} else {
			frames = append(frames, codec.AppendDelta(nil, base, s))
		}
		base = s
		e := event{Input: in}
		if i >= late {
			e.Message = frames[i-late]
		}
		events = append(events, e)
	}
	var got struct {
		Corrections []float64
		Sent        int
		Most        int
		Behind      float64
	}
	runPage(t, `
		import { readFileSync } from "node:fs";
		import { read } from "./game-codec.js";
		import { Play, tickTime } from "./game-play.js";
		const events = JSON.parse(readFileSync("in.json"));
		const game = new Play();
		game.hello(5);
		const out = { Corrections: [], Sent: 0, Most: 0, Behind: 0 };
		events.forEach(({ Message, Input }, i) => {
			if (Message) {
				const { state, whole } = read(new Uint8Array(Buffer.from(Message, "base64")).buffer, game.state);
				game.receive(state, whole, i * tickTime);
				out.Corrections.push(game.corrected);
			}
			if (game.act([Input])) out.Sent++;
			out.Most = Math.max(out.Most, game.pending);
			const shown = game.shown(i * tickTime, 1);
			const me = shown.players.find((p) => p.mine);
			if (me) out.Behind = Math.max(out.Behind, Math.hypot(me.body.x - game.mine.body.x, me.body.y - game.mine.body.y));
		});
		console.log(JSON.stringify(out));
	`, events, &got)
	// The first inputs were sent before there was a state to predict from.
	if got.Sent != len(events)-late || len(got.Corrections) != len(events)-late {
		t.Errorf("%d inputs were sent and %d states came", got.Sent, len(got.Corrections))
	}
	wrong := 0
	for _, c := range got.Corrections {
		if c > 0 {
			wrong++
		}
	}
	// What others do to a player cannot be predicted: a touch, a splash.
	if wrong > len(got.Corrections)/100 {
		t.Errorf("%d of %d states corrected what was predicted", wrong, len(got.Corrections))
	}
	if got.Most < 2*late-1 || got.Behind < 1000 {
		t.Errorf("at most %d inputs were on their way, and the page was %v units ahead: was anything predicted?", got.Most, got.Behind)
	}
}

// A finger that points somewhere steers there.
func TestThePageSteersWhereItPoints(t *testing.T) {
	var got [][3]int
	runPage(t, `
		import { directions, heading } from "./game-arena.js";
		import { direction } from "./game-controls.js";
		const all = Array.from({ length: directions }, (_, i) => [...heading(i + 1), direction(...heading(i + 1))]);
		console.log(JSON.stringify([...all, [0, 0, direction(0, 0)]]));
	`, nil, &got)
	if len(got) != arena.Directions+1 {
		t.Fatalf("%d directions", len(got))
	}
	for i, g := range got {
		if want := (i + 1) % (arena.Directions + 1); g[2] != want {
			t.Errorf("%d,%d is direction %d, want %d", g[0], g[1], g[2], want)
		}
	}
}
