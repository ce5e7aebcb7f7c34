// What tests leave to the test runner: cleaning up behind themselves, the last first, whatever happened.

export class Scope {
  #cleanUps = [];

  after(cleanUp) {
    this.#cleanUps.push(cleanUp);
  }

  /** What `work` gives, with all cleaned up; its failure comes before those of cleaning up. */
  async run(work) {
    let failure, result;
    try {
      result = await work();
    } catch (error) {
      failure = error;
    }
    for (const cleanUp of this.#cleanUps.splice(0).reverse()) {
      try {
        await cleanUp();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure) throw failure;
    return result;
  }
}
