import { TallyError } from '../../errors.js';
import { MAX_IN_FLIGHT } from './in-flight.js';

/** Handshakes under way in a process at most: each holds a connection for as long as its target likes. */
const MOST = 50;

/** The places of those who have targets asked: so nobody makes this process hold connections without end, or keeps others from theirs. */
export class HandshakePlaces {
  /** Of each handshake under way. */
  readonly #owners: (string | undefined)[] = [];

  /**
   * @param owner undefined for nobody's webhooks, which are counted together
   * @returns what gives the place back
   * @throws TallyError `RATE_LIMITED`
   */
  take(owner: string | undefined): () => void {
    const ofOwner = this.#owners.filter((other) => other === owner).length;
    if (ofOwner >= MAX_IN_FLIGHT || this.#owners.length >= MOST) {
      const whose = ofOwner >= MAX_IN_FLIGHT ? `${ofOwner} targets of the same owner` : `${MOST} targets`;
      throw new TallyError('RATE_LIMITED', `${whose} are being asked here whether they may be sent to: wait for them`);
    }
    this.#owners.push(owner);
    return () => {
      this.#owners.splice(this.#owners.indexOf(owner), 1);
    };
  }
}
