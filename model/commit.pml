/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One upgrade of one wave: schedule, countdown, hold, flash, trial, confirm, going back, catching up.
 * docs/model.md says what is modelled, what is not, and which file of src/ each step stands for.
 * model/check builds and runs it.
 *
 * No clock and no message is modelled. Time: whatever waits for a time may happen at any time. A
 * message: before a node decides it looks, and sees of each other participant any record which that
 * one ever published in this upgrade, or none. So a record may be lost, late or overtaken, and a link
 * may be cut for ever.
 *
 * Options (-D):
 *   N=3              participants
 *   QUORUM=100       per cent
 *   AUTO=1           confirmation: automatic (1) or by the operator's order only (0)
 *   ABORT=1          the operator may abort, at any time
 *   CONFIRM=1        the operator may confirm: a plain order, or one that names a node away
 *   CUTS=1           power cuts
 *   BAD=1            node 0's new firmware may not boot, or may be sick
 *   TWO=0            two operators schedule, with two different orders
 *   TIMELY=0         that a window ends, and that a node is back, is not ahead of other messages
 *   CLAIMS=511       which properties are asserted (below), added up
 *   MEND_…           what src/ does not do (docs/model.md)
 *   PLANT_…          faults that model/check must find
 */
#ifndef N
#define N 3
#endif
#ifndef QUORUM
#define QUORUM 100
#endif
#ifndef AUTO
#define AUTO 1
#endif
#ifndef ABORT
#define ABORT 1
#endif
#ifndef CONFIRM
#define CONFIRM 1
#endif
#ifndef CUTS
#define CUTS 1
#endif
#ifndef BAD
#define BAD 1
#endif
#ifndef TWO
#define TWO 0
#endif
#ifndef TIMELY
#define TIMELY 0
#endif
#ifndef CLAIMS
#define CLAIMS 511
#endif

/* ---- the properties ---- */

#define CLAIM_COMMIT 1   /* flash: saw the needed number scheduled for this schedule, or one past */
#define CLAIM_ORDERS 2   /* flash: has the start and a schedule */
#define CLAIM_ABORT 4    /* flash: not by a node that an abort stopped */
#define CLAIM_BOOK 8     /* flash: not by a node that has the abort in its book */
#define CLAIM_WAVE 16    /* confirm: the wave said healthy, or whom the order asks for did run it */
#define CLAIM_SPLIT 32   /* the end: not one confirmed and another one old, but for good reason */
#define CLAIM_END 64     /* the end: nobody is in trial, or waits */
#define CLAIM_NAMED 128  /* flash: not by a node that cannot confirm, since the order names it away */
#define CLAIM_LOOP 256   /* rejoin: once, and once more for each power cut */

/* ---- what a node is, and what it says ---- */

#define OLD 0       /* UPDATED, on the old firmware: the start did not arrive */
#define LOADING 1   /* DOWNLOADING, DOWNLOAD_ERROR, UPGRADE_READY */
#define SCHEDULED 2 /* UPGRADE_SCHEDULED */
#define FLASHING 3
#define TRIAL 4     /* CONFIRMATION_PENDING */
#define NEW 5       /* UPDATED, on the new firmware */
#define BACK 6      /* REVERTED */
#define GIVEN_UP 7  /* ABORTED: not_everyone_scheduled, countdown_lost */
#define STOPPED 8   /* ABORTED: operator */

/* What a record says, as far as the others count it. */
#define SAYS_NOTHING 0
#define SAYS_SCHEDULED 1
#define SAYS_PAST 2
#define SAYS_RUNNING 3
#define SAYS_HEALTHY 4
#define SAYS_NEW 5
#define SAYS_BACK 6

#define NOBODY N

mtype = { COMMIT_RULE, START_AND_SCHEDULE, STOPPED_STAYS, ABORT_IN_THE_BOOK, NO_VAIN_FLASH, NO_LOOP,
	CONFIRMED_BY_THE_WAVE, NOT_WHEN_ONE_IS_BACK, ONE_RELEASE, EVERYBODY_ENDS };

byte st[N];
byte said[N];      /* every record that it ever published, a bit for each */
byte schedule[N];  /* which schedule is in its book; 0 if none */
bool aborted[N];   /* the abort is in its book */
bool ordered[N];   /* the confirm order is in its book */
bool clock[N];     /* the countdown reached it */
bool remembers[N]; /* rejoined, and its roster still holds the one that had confirmed */
bool healthy[N];   /* its record says so */
bool sick[N];      /* its health checks will never pass */

/* Known to no node; for the claims. */
bool stopped[N];   /* an abort stopped it */
byte rejoins[N];
bool excused[N];   /* never booted, or is sick, or a power cut took its trial away */

byte cuts = CUTS;
bool confirm_posted;
byte without = NOBODY; /* whom the confirm order names away */
#define NAMED_AWAY (ordered[me] && without == me)

/* One look. Zero between two steps. */
byte seen[N];
byte c_saw, c_scheduled, c_past, c_running, c_healthy, c_new, c_back, c_asked, c_asked_running;
bool f_committed, f_past, f_healthy, f_complete, f_may;
byte k, n;
bool settled, quiet, one_is_new, one_is_old;

#define QUOTA ((N * QUORUM + 99) / 100)
#if (N * QUORUM + 99) / 100 > N / 2 + 1
#define NEEDED QUOTA
#else
#define NEEDED (N / 2 + 1)
#endif

#define EVER_SAID(who, what) ((said[who] >> (what)) & 1)
#define IS(what, least) ((what) >= (least) && (what) <= SAYS_NEW)

inline say(who, what)
{
	said[who] = said[who] | (1 << what)
}

/* Its newest record. */
#define NOW(who) \
	(st[who] == SCHEDULED -> SAYS_SCHEDULED : \
	(st[who] == FLASHING -> SAYS_PAST : \
	(st[who] == TRIAL -> (healthy[who] -> SAYS_HEALTHY : SAYS_RUNNING) : \
	(st[who] == NEW -> SAYS_NEW : \
	(st[who] == BACK -> SAYS_BACK : SAYS_NOTHING)))))

/* upgrade_count() of core/upgrade.c, and find_facts() of agent/life.c. The policy is atomic. */
inline count()
{
	d_step {
		k = 0;
		do
		:: k == N -> break
		:: else ->
			c_saw = c_saw + (IS(seen[k], SAYS_SCHEDULED) && schedule[k] == schedule[me]);
			c_past = c_past + IS(seen[k], SAYS_PAST);
			c_running = c_running + IS(seen[k], SAYS_RUNNING);
			c_healthy = c_healthy + IS(seen[k], SAYS_HEALTHY);
			c_new = c_new + (seen[k] == SAYS_NEW);
			c_back = c_back + (seen[k] == SAYS_BACK);
			c_asked = c_asked + (k != without);
			c_asked_running = c_asked_running + (k != without && IS(seen[k], SAYS_RUNNING));
#ifdef PLANT_SCHEDULE
			c_scheduled = c_scheduled + IS(seen[k], SAYS_SCHEDULED);
#endif
			k++
		od;
		k = 0;
#ifndef PLANT_SCHEDULE
		c_scheduled = c_saw;
#endif
#ifdef PLANT_COMMIT
		f_committed = true;
#else
		f_committed = (c_scheduled >= NEEDED);
#endif
#ifdef PLANT_CATCH_UP
		f_past = true;
#else
		f_past = (c_past > 0 || remembers[me]);
#endif
#ifdef PLANT_WAVER
		f_past = (f_past && c_back == 0);
#else
		f_past = (f_past && (c_back == 0 || c_new > 0 || remembers[me]));
#endif
#ifndef PLANT_VAIN
		f_committed = (f_committed && !NAMED_AWAY);
		f_past = (f_past && !NAMED_AWAY);
#endif
#ifdef PLANT_TAKEN_ALONG
		f_healthy = (!sick[me] && c_running >= NEEDED);
#else
		f_healthy = (!sick[me] && (c_running >= NEEDED || c_new > 0));
#endif
#ifdef PLANT_COMPLETE
		f_complete = true;
#else
		f_complete = (c_asked_running == c_asked || (c_running >= NEEDED && c_back == 0));
#endif
		/* may_confirm() of core/machine.c */
		f_may = (!NAMED_AWAY &&
			((ordered[me] && f_complete) || (c_new > 0 && f_healthy) ||
#ifdef PLANT_WAVE
			(!ordered[me] && AUTO && f_healthy)));
#else
#ifdef PLANT_BACK
			(!ordered[me] && AUTO && f_healthy && c_healthy >= NEEDED)));
#else
			(!ordered[me] && AUTO && f_healthy && c_healthy >= NEEDED && c_back == 0)));
#endif
#endif
	}
}

/* With TIMELY, whoever is back is heard at once. */
#define MUST_HEAR(who) (TIMELY && st[who] == BACK)

/* Any record that each of the others ever published, or none; of itself, the newest. What makes no
 * difference before the flash, or after it, is not told apart. */
inline look()
{
	do
	:: n == N -> break
	:: n == me -> seen[n] = NOW(me); n++
	:: n < N && n != me ->
		if
		:: !MUST_HEAR(n) -> seen[n] = SAYS_NOTHING
		:: !MUST_HEAR(n) && st[me] < TRIAL && EVER_SAID(n, SAYS_SCHEDULED) -> seen[n] = SAYS_SCHEDULED
		:: !MUST_HEAR(n) && st[me] < TRIAL && EVER_SAID(n, SAYS_PAST) -> seen[n] = SAYS_PAST
		:: !MUST_HEAR(n) && (st[me] == TRIAL || st[me] == NEW) && EVER_SAID(n, SAYS_RUNNING) ->
			seen[n] = SAYS_RUNNING
		:: !MUST_HEAR(n) && st[me] == TRIAL && EVER_SAID(n, SAYS_HEALTHY) -> seen[n] = SAYS_HEALTHY
		:: EVER_SAID(n, SAYS_NEW) -> seen[n] = SAYS_NEW
		:: EVER_SAID(n, SAYS_BACK) -> seen[n] = SAYS_BACK
		fi;
		n++
	od;
	n = 0;
	count()
}

/* What it would see if all messages had arrived. */
inline look_at_all()
{
	d_step {
		do
		:: n == N -> break
		:: else -> seen[n] = NOW(n); n++
		od;
		n = 0
	}
	count()
}

inline forget()
{
	d_step {
		do
		:: n == N -> break
		:: else -> seen[n] = 0; n++
		od;
		n = 0; k = 0;
		c_saw = 0; c_scheduled = 0; c_past = 0; c_running = 0; c_healthy = 0; c_new = 0;
		c_back = 0; c_asked = 0; c_asked_running = 0;
		f_committed = 0; f_past = 0; f_healthy = 0; f_complete = 0; f_may = 0
	}
}

/* ---- the claims ---- */

inline claim(which, name, holds)
{
	if
	:: ((which & CLAIMS) != 0 && (holds) == false) ->
		printf("fails: %e\n", name);
		assert(false)
	:: else
	fi
}

inline claim_at_flash()
{
	claim(CLAIM_COMMIT, COMMIT_RULE, c_saw >= NEEDED || c_past > 0 || remembers[me]);
	claim(CLAIM_ORDERS, START_AND_SCHEDULE, st[me] != OLD && schedule[me] != 0);
	claim(CLAIM_ABORT, STOPPED_STAYS, !stopped[me]);
	claim(CLAIM_BOOK, ABORT_IN_THE_BOOK, !aborted[me]);
	claim(CLAIM_NAMED, NO_VAIN_FLASH, !(ordered[me] && without == me))
}

/* Not what it saw, but what there was. */
inline claim_at_confirm()
{
	d_step {
		k = 0; n = 0;
		do
		:: n == N -> break
		:: else ->
			/* Without an order: said that it is healthy. With one: that it runs. */
			k = k + ((said[n] >> (confirm_posted -> SAYS_RUNNING : SAYS_HEALTHY)) & 1);
			n++
		od;
		n = 0
	}
	claim(CLAIM_WAVE, CONFIRMED_BY_THE_WAVE, k >= NEEDED ||
		(confirm_posted && k + (without < N && !EVER_SAID((without % N), SAYS_RUNNING)) >= N));
	claim(CLAIM_WAVE, NOT_WHEN_ONE_IS_BACK, c_back == 0 || ordered[me] || c_new > 0);
	k = 0
}


inline claim_at_end()
{
	do
	:: me == N -> break
	:: else ->
		claim(CLAIM_END, EVERYBODY_ENDS, st[me] >= NEW);
		one_is_new = (one_is_new || st[me] == NEW);
		one_is_old = (one_is_old || (st[me] != NEW && !excused[me] && without != me));
		me++
	od;
	me = 0;
	claim(CLAIM_SPLIT, ONE_RELEASE, !(one_is_new && one_is_old));
	one_is_new = false;
	one_is_old = false
}

/* ---- the steps; each is what agent_step() does at once, the journal first ---- */

/* accept.c, apply_start() */
inline take_start()
{
	st[me] = LOADING;
	printf("node %d: hears of the start\n", me)
}

/* accept.c, may_schedule(); think_before() makes it scheduled when the image is there. */
inline take_schedule()
{
	if
	:: schedule[me] = 1
#if TWO
	:: schedule[me] = 2
#endif
	fi;
	printf("node %d: hears of schedule %d\n", me, schedule[me])
}

/* accept.c, apply_abort(). Past the flash it is only kept, and passed on. */
inline take_abort()
{
	printf("node %d: hears of the abort\n", me);
	aborted[me] = true;
	if
	:: st[me] == LOADING || st[me] == SCHEDULED ->
		st[me] = STOPPED;
		stopped[me] = true
	:: else
	fi
}

/* accept.c, may_confirm(): posted at this node, which asks what it sees. */
inline post_confirm()
{
	if
	:: without = NOBODY
	:: without = 0
	:: without = N - 1
	fi;
	look();
	if
	:: f_complete ->
		confirm_posted = true;
		printf("node %d: takes the operator's confirm order without %d\n", me, without)
	:: else -> without = NOBODY
	fi
}

inline take_confirm()
{
	printf("node %d: hears of the confirm order\n", me);
	ordered[me] = true
}

/* life.c, think_before(), think_scheduled(), begin_flash(), give_up() */
inline think_before()
{
	look();
	if
#ifdef PLANT_ORDERS
	:: st[me] == LOADING && schedule[me] == 0 ->
		claim_at_flash();
		st[me] = FLASHING
#endif
	:: st[me] == SCHEDULED && (clock[me] || f_past) && (f_committed || f_past) ->
		claim_at_flash();
		printf("node %d: flashes: %d scheduled, %d past\n", me, c_scheduled, c_past);
		st[me] = FLASHING;
		remembers[me] = false;
		say(me, SAYS_PAST)
#ifndef PLANT_HOLD
	:: schedule[me] != 0 && !f_past && !(st[me] == SCHEDULED && clock[me] && f_committed) ->
		printf("node %d: gives up\n", me);
		st[me] = GIVEN_UP;
		remembers[me] = false
#endif
	:: else
	fi
}

/* life.c, think_aborted() */
inline think_aborted()
{
	look();
	if
#ifdef PLANT_REJOIN
	:: c_new > 0 ->
#else
	:: c_new > 0 && !aborted[me] && !NAMED_AWAY ->
#endif
		printf("node %d: rejoins\n", me);
		if
		:: (CLAIM_LOOP & CLAIMS) != 0 ->
			claim(CLAIM_LOOP, NO_LOOP, rejoins[me] <= CUTS);
			rejoins[me]++
		:: else
		fi;
		st[me] = LOADING;
		remembers[me] = true
	:: else
	fi
}

/* boot.c, judge_boot(): the board has booted what the flasher armed. */
inline boot()
{
	if
	:: st[me] = TRIAL;
		say(me, SAYS_RUNNING);
		printf("node %d: boots the new firmware\n", me)
#if BAD
	:: me == 0 -> /* it did not come up, and the boot loader took the old slot again */
		st[me] = BACK;
		excused[me] = true;
		say(me, SAYS_BACK);
		printf("node %d: does not boot, and is back\n", me)
	:: me == 0 ->
		st[me] = TRIAL;
		sick[me] = true;
		excused[me] = true;
		say(me, SAYS_RUNNING);
		printf("node %d: boots the new firmware, and is sick\n", me)
#endif
	fi
}

/* life.c, think_trial() */
inline think_trial()
{
	look();
	if
	:: f_healthy && !healthy[me] ->
		healthy[me] = true;
		say(me, SAYS_HEALTHY);
		printf("node %d: is healthy\n", me)
	:: f_may ->
		claim_at_confirm();
		st[me] = NEW;
		say(me, SAYS_NEW);
		printf("node %d: confirms: sees %d healthy, %d confirmed, %d back\n", me,
			c_healthy, c_new, c_back)
	:: else
	fi
}

/* Would no node in trial do anything but go back, once all messages have arrived? */
inline settle()
{
	settled = true;
	me = 0;
	do
	:: me == N -> break
	:: me < N && st[me] == TRIAL ->
		look_at_all();
		settled = (settled && !f_may && (healthy[me] || !f_healthy) &&
			(ordered[me] || !confirm_posted));
		forget();
		me++
	:: me < N && st[me] != TRIAL -> me++
	od;
	me = _pid - 1 /* init is process 0 */
}

/* life.c, go_back(); or the board's own window. */
inline window_over()
{
#if TIMELY
	settle();
#else
	settled = true;
#endif
	if
	:: settled ->
		st[me] = BACK;
		say(me, SAYS_BACK);
		printf("node %d: its window is over, and it is back\n", me)
	:: else
	fi;
	settled = false
}

/* boot.c, boot_begin(): the journal has the orders and what is_journalled() says; the roster, the
 * countdown and the image's place are gone. */
inline power_cut()
{
	cuts--;
	clock[me] = false;
	remembers[me] = false;
	if
	:: st[me] == TRIAL ->
		healthy[me] = false;
		if
		:: true -> /* the daemon, or the board, begins again in the trial */
			printf("node %d: begins again in the trial\n", me)
		:: true -> /* the boot loader takes the old slot */
			st[me] = BACK;
			excused[me] = true;
			say(me, SAYS_BACK);
			printf("node %d: power cut in the trial, and it is back\n", me)
		fi
#ifdef MEND_ABORT
	:: st[me] != TRIAL && aborted[me] -> st[me] = STOPPED
	:: st[me] != TRIAL && !aborted[me] ->
#else
	:: st[me] != TRIAL ->
#endif
		printf("node %d: power cut before the new firmware was armed\n", me);
		st[me] = LOADING
	fi
}

/* Nothing of this is asked any more. */
inline tidy()
{
	if
	:: st[me] == NEW || st[me] == BACK || st[me] == STOPPED ->
		clock[me] = false;
		remembers[me] = false;
		healthy[me] = false;
		sick[me] = false;
		ordered[me] = false;
		aborted[me] = false
	:: else
	fi;
	forget()
}

#define BEFORE (st[me] == LOADING || st[me] == SCHEDULED)

proctype node(byte me)
{
	do
	:: atomic { st[me] == OLD -> take_start() }
	:: atomic { st[me] == LOADING && schedule[me] == 0 && !aborted[me] -> take_schedule() }
	:: atomic { BEFORE && schedule[me] != 0 && !clock[me] -> clock[me] = true }
	:: atomic { st[me] == LOADING && schedule[me] != 0 ->
		st[me] = SCHEDULED; say(me, SAYS_SCHEDULED) }
#ifdef PLANT_ORDERS
	:: atomic { BEFORE -> think_before(); tidy() }
#else
	:: atomic { BEFORE && schedule[me] != 0 -> think_before(); tidy() }
#endif
	:: atomic { st[me] == FLASHING -> boot(); tidy() }
	:: atomic { st[me] == TRIAL -> think_trial(); tidy() }
#ifndef PLANT_REVERT
	:: atomic { st[me] == TRIAL -> window_over(); tidy() }
#endif
	:: atomic { st[me] == GIVEN_UP -> think_aborted(); tidy() }
#ifdef PLANT_ABORT
	:: atomic { st[me] == STOPPED -> think_aborted(); tidy() }
#endif
#if ABORT
	:: atomic { BEFORE && !aborted[me] -> take_abort(); tidy() }
	:: atomic { (CLAIMS & CLAIM_BOOK) && !aborted[me] &&
		(st[me] == FLASHING || st[me] == TRIAL || st[me] == GIVEN_UP) -> take_abort() }
#endif
#if CONFIRM
	:: atomic { !confirm_posted && (st[me] == TRIAL || st[me] == NEW) -> post_confirm(); tidy() }
	:: atomic { confirm_posted && !ordered[me] &&
		(st[me] == TRIAL || (without == me && (st[me] == GIVEN_UP || st[me] == LOADING ||
			st[me] == SCHEDULED))) -> take_confirm() }
#endif
#if CUTS
	:: atomic { cuts > 0 && (BEFORE || st[me] == FLASHING || st[me] == TRIAL) -> power_cut(); tidy() }
#endif
	od
}

#define CLAIM_ENDS (CLAIM_SPLIT + CLAIM_END)

/* The end: the faults are over, all messages have arrived, and no node has anything left to do. */
inline ask_end()
{
	quiet = true;
	do
	:: me == N -> break
	:: else ->
		look_at_all();
		if
		:: st[me] == OLD || st[me] == LOADING || st[me] == FLASHING -> quiet = false
		:: st[me] == SCHEDULED ->
#ifdef PLANT_HOLD
			quiet = (quiet && clock[me] && !f_committed && !f_past)
#else
			quiet = false
#endif
		:: st[me] == TRIAL ->
#ifdef PLANT_REVERT
			quiet = (quiet && !f_may && (healthy[me] || !f_healthy) &&
				(ordered[me] || !confirm_posted))
#else
			quiet = false
#endif
		:: st[me] == GIVEN_UP -> quiet = (quiet && c_new == 0)
		:: else
		fi;
		forget();
		me++
	od;
	me = 0;
	if
	:: quiet -> claim_at_end()
	:: else
	fi;
	quiet = false
}

init
{
	byte me;

	/* All but the last have the start at first. */
	atomic {
		do
		:: me == N -> break
		:: else ->
			st[me] = (me == N - 1 -> OLD : LOADING);
			run node(me);
			me++
		od;
		me = 0
	}
	/* Has it all come to an end? */
	do
	:: atomic { (CLAIM_ENDS & CLAIMS) != 0 -> ask_end() }
	od
}
