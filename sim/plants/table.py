# SPDX-License-Identifier: AGPL-3.0-or-later
"""The planted faults: mistakes that somebody could make in src/, one a row. sim/plants/run builds each
and sees that it is caught; tests/sim/test_plants.py holds this table against the sources and the docs.

`before` must stand exactly once in `file`. `breaks` names the invariants of which the simulator must
report one first. `options` are the simulator's, after COMMON; `first` is the seed to begin with, near one
that finds it, and SEEDS_MAX is how many it may take from there. A fault that the simulator cannot see has
instead a unit test that must fail."""
import collections

INVARIANTS = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "liveness")

SEEDS_MAX = 100

# Small meshes and short runs: most seeds for the time.
COMMON = ("--nodes", "6", "--chaos_s", "240")
# No packet is lost, late or played again, and no clock jumps: countdowns are exact.
EXACT = ("--loss", "0", "--delay", "0", "--replay", "0", "--clock_jump", "0")
# Operators that schedule as soon as one node is ready.
HASTY = ("--quorum", "1", "--waves", "1", "--late", "0")

Plant = collections.namedtuple("Plant", "name sentence file before after breaks options first test",
                               defaults=((), 1, ""))

PLANTS = [
    # ---- core ----
    Plant("commit-rule-dropped",
          "a node flashes at the end of the countdown, whoever else is scheduled",
          "src/core/machine.c",
          "		return facts->committed || facts->past_flash_seen ? REASON_NONE\n"
          "								  : "
          "REASON_WAITING_FOR_PARTICIPANTS;\n",
          "		return REASON_NONE;\n",
          ("I4",)),
    Plant("ready-counts-as-scheduled",
          "who has his image is counted for the commit rule, though he may not know the schedule",
          "src/core/upgrade.c",
          "	if (!follows_schedule(question, record))\n"
          "		marks &= ~(1u << UPGRADE_STEP_SCHEDULED);\n",
          "	if (done > UPGRADE_STEP_READY)\n"
          "		marks |= 1u << UPGRADE_STEP_SCHEDULED;\n",
          ("I4",), ("--countdown_s", "2", "--latency_ms", "200", "--shape", "0", "--waves", "1")),
    Plant("half-is-a-majority",
          "a quorum of exactly half of the wave is enough",
          "src/core/upgrade.c",
          "uint32_t majority = participants / 2 + 1;",
          "uint32_t majority = (participants + 1) / 2;",
          ("I4", "I3"), ("--quorum", "1")),
    Plant("upgrade-by-epoch-only",
          "records of another upgrade count, if only its epoch is the same",
          "src/core/upgrade.c",
          "	return record->epoch == question->epoch &&\n"
          "	       memcmp(record->upgrade, question->upgrade, ORDER_UPGRADE_SIZE) == 0;\n",
          "	return record->epoch == question->epoch;\n",
          ("I3",), ("--operators", "2", "--partition", "150", "--hold_s", "30", *HASTY), 20),
    Plant("one-healthy-is-enough",
          "a wave keeps its firmware by itself as soon as one of it is healthy",
          "src/core/upgrade.c",
          "	return count->healthy >= count->needed;\n",
          "	return count->healthy > 0;\n",
          ("I4",), ("--unhealthy", "200", "--auto_confirm", "1")),
    Plant("reverted-is-no-objection",
          "an atomic wave keeps its firmware by itself though one of it went back",
          "src/core/upgrade.c",
          "	if (question->start->policy == ORDER_ATOMIC && count->reverted > 0)\n"
          "		return false;\n",
          "",
          (), test="test_upgrade"),
    Plant("operator-not-waited-for",
          "a healthy wave keeps its firmware, also where only an operator may say so",
          "src/core/machine.c",
          "	if (!facts->confirm_auto)\n"
          "		return REASON_WAITING_FOR_OPERATOR;\n",
          "",
          ("I2",), ("--auto_confirm", "0")),
    Plant("abort-too-late",
          "an abort does nothing any more once a node is scheduled",
          "src/core/machine.c",
          "	{ STATE_UPGRADE_SCHEDULED, SIGNAL_ABORT, GUARD_NONE, STATE_ABORTED },\n",
          "	{ STATE_UPGRADE_SCHEDULED, SIGNAL_ABORT, GUARD_TOO_LATE, STATE_ABORTED },\n",
          ("I2",), ("--aborts", "600")),
    Plant("sticky-abort",
          "a node that an abort stopped takes no start any more",
          "src/core/machine.c",
          "	{ STATE_ABORTED, SIGNAL_START, GUARD_NONE, STATE_DOWNLOADING },\n",
          "	{ STATE_ABORTED, SIGNAL_START, GUARD_TOO_LATE, STATE_DOWNLOADING },\n",
          ("I6", "liveness"), ("--aborts", "300")),
    Plant("sticky-refusal",
          "a node that refused an image takes no start any more",
          "src/core/machine.c",
          "	{ STATE_UPGRADE_CHECK_FAILED, SIGNAL_START, GUARD_NONE, STATE_DOWNLOADING },\n",
          "	{ STATE_UPGRADE_CHECK_FAILED, SIGNAL_START, GUARD_SCHEDULED, STATE_DOWNLOADING },\n",
          ("I6", "I4", "liveness"), ("--check_fails", "200")),
    Plant("orphan-of-any-upgrade",
          "who lost his journal on trial takes whatever upgrade he hears of for his own",
          "src/agent/accept.c",
          "			book_start(&agent->book) == NULL &&\n"
          "			strcmp(order->start.version, agent->setup.version) == 0;\n",
          "			book_start(&agent->book) == NULL;\n",
          ("I4",), ("--journal_lost", "500", "--power_cut", "12", "--boot_cut", "300", "--operators", "2"), 120),
    Plant("sticky-revert",
          "a node that went back takes no start any more",
          "src/core/machine.c",
          "	{ STATE_REVERTED, SIGNAL_START, GUARD_NONE, STATE_DOWNLOADING },\n",
          "	{ STATE_REVERTED, SIGNAL_START, GUARD_SCHEDULED, STATE_DOWNLOADING },\n",
          ("I6", "liveness"), ("--unhealthy", "200")),
    Plant("no-way-to-rejoin",
          "who gave up never follows those that flashed and kept it",
          "src/core/machine.c",
          "		return facts->catch_up && facts->confirmed_seen && !facts->named_without\n"
          "			       ? REASON_NONE\n"
          "			       : REASON_WRONG_STATE;\n",
          "		return REASON_WRONG_STATE;\n",
          ("I4",), ("--partition", "12", "--partition_countdown", "500", "--quorum", "1", "--catch_up", "1"), 280),
    Plant("old-incarnation-counts",
          "the records of a node are compared by their sequence only, which begins anew at a boot",
          "src/core/record.c",
          "	if (a->incarnation != b->incarnation)\n"
          "		return a->incarnation > b->incarnation ? 1 : -1;\n",
          "",
          ("I4", "liveness", "I6")),
    # ---- agent: orders ----
    Plant("epoch-not-journalled",
          "an order that is taken is not written down before it is followed",
          "src/agent/accept.c",
          "	agent->journal_due = true;\n"
          "	agent->active_until_ms = agent->now_ms + AGENT_ACTIVE_ORDER_MS;\n",
          "	agent->active_until_ms = agent->now_ms + AGENT_ACTIVE_ORDER_MS;\n",
          ("I7",)),
    Plant("same-epoch-again",
          "a start of the same epoch is taken as if its epoch were new",
          "src/agent/accept.c",
          "	if (order->epoch > agent->journal.highest_epoch)\n"
          "		return REASON_NONE;\n",
          "	if (order->epoch >= agent->journal.highest_epoch)\n"
          "		return REASON_NONE;\n",
          ("I3",), ("--operators", "2", "--latency_ms", "250", "--shape", "0", "--nodes", "5",
                     "--chaos_s", "600", "--window_s", "30", "--auto_confirm", "1", *HASTY), 66),
    Plant("flashes-for-ever",
          "a board with one slot that ran the ordered version before its flash flashes it again and again",
          "src/agent/boot.c",
          "	bool runs_new = flasher->slots < 2 ? changed || as_ordered : changed && as_ordered;\n",
          "	bool runs_new = changed && as_ordered;\n",
          (), test="test_agent"),
    Plant("abort-forgotten-by-who-gave-up",
          "who gave up follows the others in spite of an abort that came after it",
          "src/agent/life.c",
          "	if (book_abort(&agent->book) != NULL)\n"
          "		return;\n"
          "	if (life_ask(agent, SIGNAL_REJOIN",
          "	if (life_ask(agent, SIGNAL_REJOIN",
          (), test="test_agent"),
    # ---- agent: the node's life ----
    Plant("countdown-not-aged",
          "a schedule is passed on with the whole countdown, not with what is left of it",
          "src/agent/slices.c",
          "			slot->deadline_ms > now_ms ? slot->deadline_ms - now_ms : 0);\n",
          "			slot->order.schedule.countdown_ms);\n",
          ("I2",), EXACT),
    Plant("countdown-aged-in-the-wrong-unit",
          "a countdown ages on its way by its round trip in microseconds",
          "src/agent/slices.c",
          "uint64_t age_ms = rtt_ms / 2;",
          "uint64_t age_ms = (uint64_t)rtt_ms * 500;",
          ("I2",), ("--countdown_s", "40", "--clock_jump", "0")),
    Plant("window-not-as-ordered",
          "the flasher is given the window of the flash before",
          "src/agent/life.c",
          "	if (!agent_ask_flasher(agent, FLASHER_FLASH, window_s))\n",
          "	if (!agent_ask_flasher(agent, FLASHER_FLASH, agent->journal.window_s))\n",
          ("I5",)),
    Plant("window-begins-anew",
          "a restarted daemon counts the whole window again, not what the board says is left",
          "src/agent/boot.c",
          "	if (agent->setup.flasher.trial && agent->setup.flasher.remaining_ms >= 0)\n"
          "		remaining_ms = agent->setup.flasher.remaining_ms;\n",
          "",
          ("I5",), ("--restart", "60")),
    Plant("window-stopped-by-the-decision",
          "a node that decided to keep its firmware never goes back, though the flasher cannot keep it",
          "src/agent/life.c",
          "	if (agent_is_due(agent, agent->window_end_ms) && !agent->confirm_under_way)\n",
          "	if (agent_is_due(agent, agent->window_end_ms) && !agent->confirm_decided)\n",
          ("I5",), ("--forgets_confirm", "300")),
    Plant("revert-forgotten",
          "a node says that it went back and does not ask its flasher to",
          "src/agent/life.c",
          "	if (agent_ask_flasher(agent, FLASHER_REVERT, 0) &&\n"
          "		life_signal(agent, SIGNAL_GO_BACK, reason, names) != REASON_NONE)\n"
          "		agent->actions->count--;\n",
          "	(void)life_signal(agent, SIGNAL_GO_BACK, reason, names);\n",
          ("I5",)),
    Plant("flasher-believed",
          "a flasher that says yes is believed, though the window still runs",
          "src/agent/life.c",
          "event->flasher.verb == FLASHER_REMAINING && event->flasher.remaining_ms >= 0)",
          "event->flasher.verb == FLASHER_REMAINING && event->flasher.remaining_ms == 0)",
          ("I5",), ("--forgets_confirm", "300")),
    Plant("reason-lost",
          "a node that gives up does not say why",
          "src/agent/life.c",
          "	if (life_ask(agent, SIGNAL_HOLD_OVER, &outlook->facts, reason, names) == REASON_NONE)\n",
          "	if (life_ask(agent, SIGNAL_HOLD_OVER, &outlook->facts, REASON_NONE, names) ==\n"
          "			REASON_NONE && reason != REASON_NONE)\n",
          ("I4",)),
    Plant("trial-not-noticed",
          "a node that lost its journal takes firmware on trial for its own",
          "src/agent/boot.c",
          "	} else if (agent->setup.flasher.trial) {\n",
          "	} else if (agent->setup.flasher.trial && agent->journal.state == STATE_REVERTED) {\n",
          ("I5", "I7"), ("--journal_lost", "300", "--power_cut", "40")),
    Plant("late-flash-welcome",
          "firmware whose flash was given up counts as that of the upgrade that began since",
          "src/agent/boot.c",
          "			(!flashed && book_start(&agent->book) != NULL);\n",
          "			book_start(&agent->book) == NULL;\n",
          (), test="test_agent"),
    Plant("upgrade-forgotten-at-boot",
          "a node that loses its power before the flash forgets that it was in an upgrade",
          "src/agent/boot.c",
          "		agent->journal.state = agent->participant ? STATE_DOWNLOADING : STATE_UPDATED;\n",
          "		agent->journal.state = STATE_UPDATED;\n",
          ("I7",)),
    Plant("cut-flash-not-resumed",
          "a flash that a power cut ended counts as firmware that did not boot",
          "src/agent/boot.c",
          "		if (life_signal(agent, SIGNAL_RESUME, REASON_FLASH_INTERRUPTED, \"\") == "
          "REASON_NONE)\n"
          "			download_start(agent);\n",
          "		(void)life_signal(agent, SIGNAL_BOOTED_OLD, REASON_BOOT_FAILED, \"\");\n",
          ("I7",), ("--flash_cut", "100")),
    Plant("journal-after-the-action",
          "the journal is written behind what it promises, not before it",
          "src/agent/agent.c",
          "	memmove(&actions->list[1], &actions->list[0],\n"
          "		(actions->count - 1) * sizeof(actions->list[0]));\n"
          "	actions->list[0].kind = ACTION_JOURNAL;\n"
          "	actions->list[0].journal.bytes = bytes;\n"
          "	actions->list[0].journal.size = size;\n",
          "	action->journal.bytes = bytes;\n"
          "	action->journal.size = size;\n",
          ("I7",)),
    Plant("floor-not-journalled",
          "which release a node kept last is forgotten when it boots",
          "src/agent/journal.c",
          "	MEMBER(struct journal, release_sequence, NUMBER, \"release_sequence\"),\n",
          "",
          ("I7",)),
    # ---- agent: images ----
    Plant("chunk-not-checked",
          "a chunk is written as it came",
          "src/agent/download.c",
          "		outcome = image_chunk_is(\n"
          "				  &download->image, chunk, event->chunk.bytes, event->chunk.size)\n"
          "				  ? PLANNER_GOOD\n"
          "				  : PLANNER_WRONG;\n",
          "		outcome = PLANNER_GOOD;\n",
          ("liveness",), ("--wrong_chunks", "300")),
    Plant("asked-once-for-the-release",
          "when all sources were asked for the release once, nobody is asked any more",
          "src/agent/download.c",
          "	download->ask_cursor = 0;\n",
          "",
          ("liveness",)),
    Plant("older-record-replaces",
          "an older record of a node takes the place of a newer one",
          "src/agent/roster.c",
          "		age = record_compare_age(&notice->record, &entry->notice->record);\n",
          "		age = record_compare_age(&notice->record, &entry->notice->record) != 0;\n",
          (), test="test_roster"),
    # ---- release ----
    Plant("threshold-off-by-one",
          "one key fewer than needed is enough for a release",
          "src/release/verdict.c",
          "	if (signers < question->threshold) {\n",
          "	if (signers + 1 < question->threshold) {\n",
          ("I1",), ("--untrusted", "300")),
    Plant("duplicate-signer-counted",
          "one key that signed twice counts as two",
          "src/release/keyring.c",
          "		count += keyring_key_signed(\n"
          "			&ring->keys[i], signatures, signature_count, message, size);\n",
          "		for (size_t tried = 0; tried < signature_count; tried++)\n"
          "			count += usign_verify(\n"
          "				&ring->keys[i], &signatures[tried], message, size);\n",
          ("I1",), ("--untrusted", "300")),
    Plant("board-not-looked-at",
          "the first image of a release is taken, whatever board it is for",
          "src/release/verdict.c",
          "	if (image_is_for(image, choice->board))\n",
          "	if (choice->image->chunk_count == 0)\n",
          ("I1",), ("--boards", "3")),
    Plant("downgrade-flag-inverted",
          "an older release is refused only where the start allows a downgrade",
          "src/release/verdict.c",
          "question->sequence_floor && !question->allow_downgrade) {",
          "question->sequence_floor && question->allow_downgrade) {",
          ("I1",), ("--untrusted", "500"), 45),
    Plant("key-number-is-enough",
          "a signature under the number of a trusted key is not verified",
          "src/release/usign.c",
          "USIGN_KEYNUM_SIZE) == 0 &&\n"
          "	       crypto_sign_verify_detached(signature->signature, message, size, key->key) == 0;",
          "USIGN_KEYNUM_SIZE) == 0 ||\n"
          "	       crypto_sign_verify_detached(signature->signature, message, size, key->key) == 0;",
          ("I2",), ("--forger", "100")),
    # ---- gossip ----
    Plant("equal-ttl-refused",
          "of two entries with the same TTL the one that came first stays",
          "src/gossip/store.c",
          "	if (offered->ttl_s < known->ttl_s)\n",
          "	if (offered->ttl_s <= known->ttl_s)\n",
          (), test="test_store"),
    Plant("slice-ends-early",
          "what follows an entry beyond our bounds is not read any more",
          "src/gossip/slice.c",
          "		if (outcome == ENTRY_BAD || reader",
          "		if (outcome != ENTRY_GOOD || reader",
          (), test="test_slice"),
    # ---- swarm ----
    Plant("map-asked-once",
          "who told which chunks he has is never asked again",
          "src/swarm/planner.c",
          "	       !(peer->map_known && chunkmap_complete(&peer->map));\n",
          "	       !peer->map_known;\n",
          (), test="test_planner"),
    Plant("pause-without-end",
          "a peer that failed often is asked again only after hours",
          "src/swarm/planner.c",
          "	for (uint32_t i = 0; i < peer->failure_count && pause_ms < PLANNER_PAUSE_MAX_MS; i++)\n"
          "		pause_ms *= 2;\n"
          "	peer->failure_count++;\n"
          "	return pause_ms < PLANNER_PAUSE_MAX_MS ? pause_ms : PLANNER_PAUSE_MAX_MS;\n",
          "	for (uint32_t i = 0; i < peer->failure_count; i++)\n"
          "		pause_ms *= 2;\n"
          "	peer->failure_count++;\n"
          "	return pause_ms;\n",
          (), test="test_planner"),
]


def rows():
    """The table of docs/simulator.md."""
    lines = ["| plant | what is wrong | caught by |", "| --- | --- | --- |"]
    for plant in PLANTS:
        by = f"`tests/{plant.test}.c`" if plant.test else " or ".join(plant.breaks)
        lines.append(f"| `{plant.name}` | {plant.sentence} | {by} |")
    return lines
